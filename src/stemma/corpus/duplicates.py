"""The one global join of prepare: which documents are the same text, or nearly.

**Who stays.** A cluster of duplicates is represented by the member with the smallest SHA-256 (of
equal texts, the one whose id has the smallest hash). With ``drop`` the representative stays and the
others go. With ``keep`` they stay too, except those that fall on another side of the split than
their representative: they go, because a cluster must stay on one side.

**Why that is stable.** The side of a document is drawn from its own text (or group) alone, and
nothing here changes it. So adding documents can take the place of a kept one in its cluster, and can
never move a kept one to another split. Had the cluster drawn the side, a document that joins two
clusters would have to move one of them. The smallest hash is as good as random: representatives
fall on the sides in the fractions asked for, and neither order nor number of shards matter.

Documents are numbered by rank (the order of their keys), so that the smallest rank of a cluster is
its representative. Signatures and bands stay on disk; the join reads one band at a time.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.recipe import DuplicateSettings

Ranks = NDArray[np.int64]
Keys = NDArray[np.uint64]

KEPT, EXACT, NEAR, OTHER_SIDE = range(4)
REASONS = (None, "duplicate.exact", "duplicate.near", "duplicate.other_side")

_PAIRS = 2**14  # signatures compared at once: bounds the memory of the comparison
_SHA_COLUMNS = 4


@dataclasses.dataclass(frozen=True)
class Fingerprints:
    """What the join reads of the documents, in their order.

    Attributes:
        keys: uint64 [documents, 5]: SHA-256 of the text in four numbers, then a hash of the id.
        folder: holds ``signatures`` (uint32 [documents, bands * rows]) and ``band-NN`` (uint64
            [documents]), raw; neither is there when near-duplicates are not looked for.
    """

    keys: Keys
    folder: Path

    def append(self, keys: Keys, signature: NDArray[np.uint32], bands: Keys) -> "Fingerprints":
        """Add the documents of one more shard."""
        _append(self.folder / "signatures", signature)
        for number, band in enumerate(bands):
            _append(self.folder / f"band-{number:02d}", band)
        return Fingerprints(np.concatenate([self.keys, keys]), self.folder)


@dataclasses.dataclass(frozen=True)
class Clusters:
    """The result of the join, one entry per document, in the documents' order.

    Attributes:
        verdict: int8, an index into REASONS.
        representative: int64, the document that represents the cluster.
    """

    verdict: NDArray[np.int8]
    representative: Ranks


def find_clusters(
    found: Fingerprints, sides: NDArray[np.int8], settings: DuplicateSettings
) -> Clusters:
    """Cluster the documents and say which of them stay.

    Args:
        found: fingerprints of the documents.
        sides: int8 [documents], the side of the split that each document falls on.
        settings: what to look for and what to drop.
    """
    order = np.lexsort(found.keys.T[::-1])
    first = _first_of_equal(found.keys, order)
    parent = first.copy()
    if settings.near is not None:
        for band in range(settings.bands):
            values = np.fromfile(found.folder / f"band-{band:02d}", np.uint64)[order]
            _link_band(parent, values, np.unique(first), order, found.folder, settings)
        parent = parent[first]
    ranks = np.arange(len(order))
    verdict = np.full(len(order), KEPT, np.int8)
    verdict[sides[order] != sides[order][parent]] = OTHER_SIDE
    if settings.near == "drop":
        verdict[first != parent] = NEAR
    if settings.exact == "drop":
        verdict[first != ranks] = EXACT
    back = np.empty_like(order)
    back[order] = ranks
    return Clusters(verdict[back], order[parent[back]])


def _first_of_equal(keys: Keys, order: Ranks) -> Ranks:
    """Return for each rank the smallest rank with the same SHA-256."""
    new = np.ones(len(order), np.bool_)
    new[1:] = False
    for column in range(_SHA_COLUMNS):
        values = keys[order, column]
        new[1:] |= values[1:] != values[:-1]
    return np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))


def _link_band(
    parent: Ranks,
    values: Keys,
    unique: Ranks,
    order: Ranks,
    folder: Path,
    settings: DuplicateSettings,
) -> None:
    """Link the documents that share a band's hash and are similar; ``parent`` changes in place.

    In each bucket the smallest rank is compared with the others; those unlike it are a bucket
    again. So a bucket of alike documents costs one comparison each, not one per pair.
    """
    pending = unique[np.argsort(values[unique], kind="stable")]
    while len(pending):
        bucket = values[pending]
        start = np.ones(len(pending), np.bool_)
        start[1:] = bucket[1:] != bucket[:-1]
        leader = pending[np.maximum.accumulate(np.where(start, np.arange(len(pending)), 0))]
        leader, member = leader[~start], pending[~start]
        alike = parent[leader] == parent[member]
        asked = np.flatnonzero(~alike)
        for low in range(0, len(asked), _PAIRS):
            some = asked[low : low + _PAIRS]
            share = _similarity(order[leader[some]], order[member[some]], folder, settings)
            alike[some] = share >= settings.threshold
        _union(parent, leader[alike], member[alike])
        pending = member[~alike]


def _similarity(
    left: Ranks, right: Ranks, folder: Path, settings: DuplicateSettings
) -> NDArray[np.float64]:
    # Mapped anew for each chunk, so that the pages it touched do not stay resident.
    values = settings.bands * settings.rows
    signature = np.memmap(folder / "signatures", np.uint32, "r").reshape(-1, values)
    return (signature[left] == signature[right]).mean(axis=1)


def _union(parent: Ranks, left: Ranks, right: Ranks) -> None:
    """Merge the sets of each pair; every entry of ``parent`` stays the smallest of its set."""
    while True:
        one, other = parent[left], parent[right]
        apart = one != other
        if not apart.any():
            return
        left, right, one, other = left[apart], right[apart], one[apart], other[apart]
        np.minimum.at(parent, np.maximum(one, other), np.minimum(one, other))
        _flatten(parent)


def _flatten(parent: Ranks) -> None:
    while True:
        grandparent = parent[parent]
        if np.array_equal(grandparent, parent):
            return
        parent[:] = grandparent


def _append(path: Path, values: NDArray[np.generic]) -> None:
    with path.open("ab") as handle:
        handle.write(np.ascontiguousarray(values).data)
