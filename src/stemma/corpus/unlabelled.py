"""Encoding for tasks that learn from nothing but the text: whole documents, without labels."""

import dataclasses
from collections.abc import Sequence

from stemma.corpus.task import Encoded, Encoding, Example
from stemma.corpus.tokenizer.encoder import Encoder


@dataclasses.dataclass(frozen=True)
class Unlabelled(Encoding):
    """Encodes documents without labels."""

    labelled = False

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return the ids of each text."""
        return [Encoded(ids) for ids in encoder.encode_batch([one.text for one in examples])]
