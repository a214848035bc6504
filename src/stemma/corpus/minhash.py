"""MinHash signatures of sets of shingles (Broder 1997), and their bands for finding similar ones.

The share of equal values in two signatures estimates the Jaccard similarity of the two sets. Two
signatures that agree on every row of at least one band are candidates: for similarity s, with b
bands of r rows, the chance is 1 - (1 - s**r)**b (Leskovec et al., Mining of Massive Datasets, 3.4).
"""

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue]

from stemma.corpus.words import Hashes, combine

_SEED = 1


def signatures(sets: list[Hashes], values: int) -> NDArray[np.uint32]:
    """Return one signature per set: uint32 [sets, values].

    The same on every machine: rensa draws its permutations from the seed alone.
    """
    if not sets:
        return np.empty((0, values), np.uint32)
    offsets = [0, *np.cumsum([len(shingles) for shingles in sets]).tolist()]
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        np.concatenate(sets), offsets, num_perm=values, seed=_SEED
    )
    return np.array(matrix.to_rows(), np.uint32)


def band_hashes(signature: NDArray[np.uint32], bands: int) -> Hashes:
    """Hash each band of each signature: uint64 [bands, documents]."""
    documents, values = signature.shape
    rows = signature.reshape(documents, bands, values // bands).astype(np.uint64)
    return np.stack([combine(list(rows[:, band].T)) for band in range(bands)])
