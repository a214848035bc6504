"""Pairs of texts as tokens: the source, then the target, each with its end-of-text token.

A conversation is a pair too: all that was said, and the last answer.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemma.corpus import task
from stemma.corpus.documents import Part
from stemma.corpus.task import IGNORED, Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError
from stemma.tasks.seq2seq import Settings


@dataclasses.dataclass(frozen=True)
class Encoding(task.Encoding):
    """Encodes pairs; the labels are the ids of the target, and IGNORED for the source."""

    settings: Settings

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return each pair, or why it is dropped.

        Raises:
            DataError: a document is no pair of texts, or is refused.
        """
        sides = [text for example in examples for text in _pair(example)]
        ids = iter(encoder.encode_batch(sides))
        end = encoder.end_of_text
        return [
            self._join(example, np.append(source, end), np.append(target, end))
            for example, source, target in zip(examples, ids, ids, strict=True)
        ]

    def _join(
        self, example: Example, source: NDArray[np.integer], target: NDArray[np.integer]
    ) -> Encoded | str:
        whole = [self.settings.fit(example, Encoded(side)) for side in (source, target)]
        sides = [side for side in whole if isinstance(side, Encoded)]
        if len(sides) < len(whole):
            return next(reason for reason in whole if isinstance(reason, str))
        first, second = sides
        labels = np.append(np.full(len(first.ids), IGNORED), second.ids)
        truncated = first.truncated or second.truncated
        return Encoded(np.append(first.ids, second.ids), labels.astype(np.int32), truncated)


def _pair(example: Example) -> tuple[str, str]:
    *before, last = example.parts or (Part("", ""),)
    # In a conversation, the pair is the last answer and all that was said before it.
    if not before or last.role not in ("target", "assistant"):
        raise DataError(
            f"document '{example.id}' is no pair of a source and a target",
            "set source.columns.text and source.columns.target",
        )
    source, target = "\n".join(part.text for part in before), last.text
    for name, text in (("source", source), ("target", target)):
        if not text.strip():
            raise DataError(f"the {name} of document '{example.id}' is empty", "leave the row out")
    return source, target
