"""Whole documents as tokens, one after the other: the text is all there is to learn from."""

import dataclasses

from stemma.corpus.task import Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.corpus.unlabelled import Unlabelled


@dataclasses.dataclass(frozen=True)
class Encoding(Unlabelled):
    """Encodes documents, and preferences between continuations."""

    def encode_preference(self, example: Example, encoder: Encoder) -> list[Encoded] | str:
        """Return the prompt with each continuation."""
        from stemma.tasks.causal_lm.preferences import encode

        return encode(example, encoder)
