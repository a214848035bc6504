"""Whole documents as tokens, one after the other: there is nothing to learn from but the text."""

import dataclasses
from collections.abc import Iterable, Sequence

from stemma.corpus.task import Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.tasks.causal_lm import Settings


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
