"""The words of a document as tokens; the last token of each is labelled with the word's tag.

A decoder has read the whole word only there.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from stemma.corpus.encoding import Encoder
from stemma.corpus.labelled import IGNORED, Encoded, Example, fit, index_of
from stemma.errors import DataError
from stemma.tasks.tag import Settings


@dataclasses.dataclass(frozen=True)
class Encoding:
    """Encodes documents whose parts are words with their tags."""

    settings: Settings
    labelled = True

    def names(self, example: Example) -> Iterable[str]:
        """Return the tags.

        Raises:
            DataError: the document has no words.
        """
        _require_words(example)
        return {word.role for word in example.parts}

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return the ids of the words, each but the first after a space.

        Raises:
            DataError: a document has no words, a tag that training has not, or too many tokens.
        """
        for example in examples:
            _require_words(example)
        words = [
            word.text if place == 0 else f" {word.text}"
            for example in examples
            for place, word in enumerate(example.parts)
        ]
        tokens = iter(encoder.encode_batch(words))
        return [
            self._encode(
                example, list(itertools.islice(tokens, len(example.parts))), encoder, names
            )
            for example in examples
        ]

    def _encode(
        self, example: Example, words: list[np.ndarray], encoder: Encoder, names: Sequence[str]
    ) -> Encoded | str:
        ids = np.concatenate([np.array([encoder.end_of_text], np.uint32), *words])
        labels = np.full(len(ids), IGNORED, np.int32)
        ends = np.cumsum([len(word) for word in words])
        labels[ends] = [index_of(part.role, names, example) for part in example.parts]
        made = Encoded(ids, labels)
        return fit(example, made, self.settings.max_tokens, self.settings.too_long)


def _require_words(example: Example) -> None:
    if not example.parts:
        raise DataError(
            f"document '{example.id}' has no words with tags, which task=tag learns from",
            "set source.columns.words and source.columns.tags, and source.columns.text to null",
        )
