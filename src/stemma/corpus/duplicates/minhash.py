"""MinHash signatures of sets of shingles (Broder 1997), and their bands, which find similar sets.

The share of equal values in two signatures estimates the Jaccard similarity of the two sets. Two
signatures that agree on every row of at least one band are candidates: for similarity s, with b
bands of r rows, the chance is 1 - (1 - s**r)**b (Leskovec et al., Mining of Massive Datasets, 3.4).

A sketch keeps only the lowest byte of each value of a signature (Li and Koenig 2010, b-bit minwise
hashing): small enough for the manifest, where it tells similar texts from others without the texts.
"""

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue]

from stemma.corpus.cleaning.words import Hashes, combine

_SEED = 1
SKETCH = 64  # values, and so bytes, of a sketch
_BY_CHANCE = 1 / 256  # chance that two bytes are equal


def signatures(sets: list[Hashes], values: int) -> NDArray[np.uint32]:
    """Return one signature per set: uint32 [sets, values].

    They are the same on every machine: rensa draws its permutations from the seed alone.
    """
    if not sets:
        return np.empty((0, values), np.uint32)
    offsets = [0, *np.cumsum([len(shingles) for shingles in sets]).tolist()]
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        np.concatenate(sets), offsets, num_perm=values, seed=_SEED
    )
    return np.array(matrix.to_rows(), np.uint32)


def sketches(sets: list[Hashes]) -> NDArray[np.uint8]:
    """Return one sketch per set: uint8 [sets, SKETCH]."""
    return (signatures(sets, SKETCH) & 0xFF).astype(np.uint8)


def similarity(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Estimate the Jaccard similarity of pairs of sets from their sketches.

    The standard error is at most 0.07.

    Args:
        left: [pairs, SKETCH], or a shape that broadcasts to it.
        right: likewise.
    """
    equal = (left == right).mean(axis=-1)
    return np.maximum(0, (equal - _BY_CHANCE) / (1 - _BY_CHANCE))


def band_hashes(signature: NDArray[np.uint32], bands: int) -> Hashes:
    """Hash each band of each signature: uint64 [bands, documents]."""
    documents, values = signature.shape
    rows = signature.reshape(documents, bands, values // bands).astype(np.uint64)
    return np.stack([combine(list(rows[:, band].T)) for band in range(bands)])
