"""Whole documents as tokens, one after the other: what is hidden of them, training decides."""

import dataclasses
from collections.abc import Iterable, Sequence

from stemma.corpus.task import Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.tasks.masked_lm import Settings


@dataclasses.dataclass(frozen=True)
class Encoding:
    """Encodes documents without labels."""

    settings: Settings
    labelled = False

    def names(self, example: Example) -> Iterable[str]:
        """Return nothing."""
        return ()

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return the ids of each text."""
        return [Encoded(ids) for ids in encoder.encode_batch([one.text for one in examples])]
