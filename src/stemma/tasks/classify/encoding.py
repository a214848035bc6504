"""A document as its tokens after an end-of-text token, each labelled with the document's class."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from stemma.corpus import task
from stemma.corpus.task import Encoded, Example, index_of
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError
from stemma.tasks.classify import Settings


@dataclasses.dataclass(frozen=True)
class Encoding(task.Encoding):
    """Encodes documents that have a label."""

    settings: Settings

    def names(self, example: Example) -> Iterable[str]:
        """Return the label of the document.

        Raises:
            DataError: the document has none.
        """
        return (_label(example),)

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return the ids of each text.

        Raises:
            DataError: a document has no label, a label new to training, or too many tokens.
        """
        texts = encoder.encode_batch([example.text for example in examples])
        return [
            self._encode(example, np.insert(ids, 0, encoder.end_of_text), names)
            for example, ids in zip(examples, texts, strict=True)
        ]

    def _encode(self, example: Example, ids: np.ndarray, names: Sequence[str]) -> Encoded | str:
        label = index_of(_label(example), names, example)
        made = Encoded(ids, np.full(len(ids), label, np.int32))
        return self.settings.fit(example, made)


def _label(example: Example) -> str:
    if not example.label:
        raise DataError(
            f"document '{example.id}' has no label, which task=classify learns from",
            "set source.columns.label, or choose a source whose documents have one",
        )
    return example.label
