"""The words of a document as tokens; the last token of each is labelled with the word's tag.

Only there has a decoder read the whole word. A word that consists of characters which cleaning or
the tokenizer removes is dropped with its tag.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from stemma.corpus import task
from stemma.corpus.task import IGNORED, Encoded, Example, index_of
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError
from stemma.tasks.tag import Settings

_EMPTY = "empty"  # cleaning's reason for a document of which nothing is left


@dataclasses.dataclass(frozen=True)
class Encoding(task.Encoding):
    """Encodes documents whose parts are tagged words."""

    settings: Settings

    def names(self, example: Example) -> Iterable[str]:
        """Return the tags.

        Raises:
            DataError: the document has no words.
        """
        _require_words(example)
        return {word.role for word in example.parts if word.text.strip()}

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return the ids of the words, with a space before each but the first.

        Raises:
            DataError: a document has no words, a tag new to training, or too many tokens.
        """
        for example in examples:
            _require_words(example)
        return [self._encode(example, encoder, names) for example in examples]

    def _encode(self, example: Example, encoder: Encoder, names: Sequence[str]) -> Encoded | str:
        space, *spaced = encoder.encode_batch([" ", *(f" {word.text}" for word in example.parts)])
        shown = [
            (word, ids)
            for word, ids in zip(example.parts, spaced, strict=True)
            if word.text.strip() and not np.array_equal(ids, space)
        ]
        if not shown:
            return _EMPTY
        words = [*encoder.encode_batch([shown[0][0].text]), *(ids for _, ids in shown[1:])]
        ids = np.concatenate([np.array([encoder.end_of_text], np.uint32), *words])
        labels = np.full(len(ids), IGNORED, np.int32)
        ends = np.cumsum([len(word) for word in words])
        labels[ends] = [index_of(word.role, names, example) for word, _ in shown]
        made = Encoded(ids, labels)
        return self.settings.fit(example, made)


def _require_words(example: Example) -> None:
    if not example.parts:
        raise DataError(
            f"document '{example.id}' has no words with tags, which task=tag learns from",
            "set source.columns.words and source.columns.tags, and source.columns.text to null",
        )
