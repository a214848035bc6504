"""The second step of prepare: write the signatures by which near-duplicates are found."""

import dataclasses
import hashlib

import numpy as np

from stemma.corpus.cleaning.words import Hashes, shingles
from stemma.corpus.duplicates.boilerplate import Boilerplate
from stemma.corpus.duplicates.clusters import Signatures
from stemma.corpus.duplicates.minhash import band_hashes, signatures
from stemma.corpus.preferences import is_preference
from stemma.corpus.settings import DuplicateSettings
from stemma.corpus.sharding.shard import Placed
from stemma.corpus.task import Example


@dataclasses.dataclass(frozen=True)
class Sign:
    """Computes the signatures of documents from the words that they do not share with many."""

    boilerplate: Boilerplate
    settings: DuplicateSettings

    def __call__(self, placed: Placed) -> None:
        """Write the signatures of the shard."""
        values = self.settings.bands * self.settings.rows
        made = [signatures([], values)]
        for examples, _ in placed.examples():
            made.append(signatures([self._shingles(one) for one in examples], values))
        whole = np.concatenate(made)
        signed = Signatures(whole, band_hashes(whole, self.settings.bands))
        signed.save(placed.shard.signatures)

    def _shingles(self, example: Example) -> Hashes:
        otherwise = hashlib.sha256(example.text.encode()).digest()[:8]
        words = self.boilerplate.own(example)
        made = shingles(words, self.settings.shingle, int.from_bytes(otherwise, "big"))
        if not is_preference(example.parts):
            return made
        # Two preferences of one kind can be alike; never one of them and another document.
        return made ^ np.frombuffer(_salt(example.parts[-1].role), np.uint64)


def _salt(role: str) -> bytes:
    return hashlib.blake2b(role.encode(), digest_size=8).digest()
