"""The one global join of prepare: which documents have the same text, or nearly the same.

**Who stays.** A cluster of duplicates is represented by the member with the smallest SHA-256 (of
equal texts, the one whose id has the smallest hash). With ``drop`` the representative stays and the
others go. With ``keep`` they stay too, except those that fall on another side of the split than
their representative: they go, because a cluster must stay on one side.

**Why that is stable.** The side of a document is drawn from its own text (or group) alone, and
nothing here changes it. So a document that is added can take the place of a kept one in its
cluster, and can never move a kept one to another split. Had the cluster drawn the side, a document
that joins two clusters would have to move one of them. The smallest hash is as good as random:
representatives fall on the sides in the fractions asked for, and neither the order of the documents
nor the number of shards matters.

Documents are numbered by rank (the order of their keys), so that the smallest rank of a cluster is
its representative. Signatures and bands stay on disk; the join reads one band at a time.
"""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.settings import DuplicateSettings
from stemma.corpus.split import PREFERENCE

Ranks = NDArray[np.int64]
Keys = NDArray[np.uint64]

KEPT, EXACT, NEAR, OTHER_SIDE, CONTRADICTING, CONTAMINATED = range(6)
CONTAMINATION = "contaminated"
REASONS = (
    None,
    "duplicates.exact",
    "duplicates.near",
    "duplicates.other_side",
    "duplicates.contradicting",
    CONTAMINATION,
)

_PAIRS = 2**14  # signatures compared at once: bounds the memory of the comparison
KEY_COLUMNS = 5


@dataclasses.dataclass(frozen=True)
class Fingerprints:
    """What the join knows about some documents, in their order.

    Attributes:
        keys: uint64 [documents, 5], the SHA-256 of the text in four numbers, then a hash of the id.
        sides: int8 [documents], the side of the split that each is on.
        inputs: uint64 [documents], equal if a model is given the same input, see `contradictions`.
    """

    keys: Keys
    sides: NDArray[np.int8]
    inputs: Keys


@dataclasses.dataclass(frozen=True)
class Signatures:
    """MinHash signatures of some documents, in their order, by which similar ones are found.

    Attributes:
        values: uint32 [documents, values].
        bands: uint64 [bands, documents].
    """

    values: NDArray[np.uint32]
    bands: Keys

    def save(self, path: Path) -> None:
        """Write the signatures for `FingerprintStore.sign` in another process."""
        with path.open("wb") as handle:
            np.savez(handle, values=self.values, bands=self.bands)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**arrays)


@dataclasses.dataclass(frozen=True)
class FingerprintStore:
    """The fingerprints of all documents, on disk, one raw array per file."""

    folder: Path

    def append(self, some: Fingerprints) -> None:
        """Add the documents of one more shard."""
        self._append("keys", some.keys)
        self._append("sides", some.sides)
        self._append("inputs", some.inputs)

    def sign(self, some: Signatures) -> None:
        """Add the signatures of the documents, shard after shard in the same order."""
        self._append("signatures", some.values)
        for number, band in enumerate(some.bands):
            self._append(f"band-{number}", band)

    def keys(self) -> Keys:
        """Read the keys: uint64 [documents, 5]."""
        return np.fromfile(self.folder / "keys", np.uint64).reshape(-1, KEY_COLUMNS)

    def sides(self) -> NDArray[np.int8]:
        """Read the sides: int8 [documents]."""
        return np.fromfile(self.folder / "sides", np.int8)

    def inputs(self) -> Keys:
        """Read what stands for the documents' inputs: uint64 [documents]."""
        return np.fromfile(self.folder / "inputs", np.uint64)

    def sample(self, size: int) -> NDArray[np.bool_]:
        """Choose the distinct texts with the smallest SHA-256, no preferences: bool [documents]."""
        keys = self.keys()
        order = np.lexsort(keys.T[::-1])
        order = order[self.sides()[order] != PREFERENCE]
        chosen = np.zeros(len(keys), np.bool_)
        chosen[order[np.unique(_first_of_equal(keys, order))[:size]]] = True
        return chosen

    def band(self, number: int) -> Keys:
        """Read one band: uint64 [documents]."""
        return np.fromfile(self.folder / f"band-{number}", np.uint64)

    def similarity(self, left: Ranks, right: Ranks, values: int) -> NDArray[np.float64]:
        """Estimate the Jaccard similarity of pairs of documents."""
        return (self._signatures(left, values) == self._signatures(right, values)).mean(axis=1)

    def _signatures(self, documents: Ranks, values: int) -> NDArray[np.uint32]:
        # Read, not mapped: mapping loads much around every row, which counts as memory.
        found = np.empty((len(documents), values), np.uint32)
        with (self.folder / "signatures").open("rb", buffering=0) as file:
            for row, document in zip(found, documents.tolist(), strict=True):
                file.seek(document * row.nbytes)
                file.readinto(row.data)
        return found

    def _append(self, name: str, values: NDArray[np.generic]) -> None:
        with (self.folder / name).open("ab") as handle:
            handle.write(np.ascontiguousarray(values).data)


@dataclasses.dataclass(frozen=True)
class Clusters:
    """The result of the join, one entry per document, in the documents' order.

    Attributes:
        verdict: int8, an index into REASONS (the last two are found elsewhere, see `selection`).
        representative: int64, the document that represents the cluster.
    """

    verdict: NDArray[np.int8]
    representative: Ranks

    def reasons(self) -> Counter[str]:
        """Count the dropped documents by reason."""
        counts = np.bincount(self.verdict, minlength=len(REASONS)).tolist()
        told = zip(REASONS, counts, strict=True)
        return Counter({reason: count for reason, count in told if reason and count})


def find_clusters(
    store: FingerprintStore, settings: DuplicateSettings, aside: NDArray[np.bool_] | None = None
) -> Clusters:
    """Cluster the documents and decide which of them stay.

    Args:
        store: the fingerprints.
        settings: what happens to duplicates.
        aside: bool [documents], which documents go anyway, so that none is compared with them.
    """
    keys = store.keys()
    order = np.lexsort(keys.T[::-1])
    first = _first_of_equal(keys, order)
    del keys
    parent = first.copy()
    if settings.near is not None:
        unique = np.unique(first)
        if aside is not None:
            unique = unique[~aside[order[unique]]]
        for band in range(settings.bands):
            _link_band(parent, unique, order, store.band(band)[order], store, settings)
        parent = parent[first]
    ranks = np.arange(len(order))
    sides = store.sides()[order]
    verdict = np.full(len(order), KEPT, np.int8)
    verdict[sides != sides[parent]] = OTHER_SIDE
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
    for column in range(KEY_COLUMNS - 1):
        values = keys[order, column]
        new[1:] |= values[1:] != values[:-1]
    return np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))


def _link_band(
    parent: Ranks,
    unique: Ranks,
    order: Ranks,
    values: Keys,
    store: FingerprintStore,
    settings: DuplicateSettings,
) -> None:
    """Link the documents that share a band's hash and are similar; ``parent`` changes in place.

    In each bucket the smallest rank is compared with the others; those unlike it form the next
    bucket. So a bucket of similar documents costs one comparison each, not one per pair.
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
            left, right = order[leader[some]], order[member[some]]
            share = store.similarity(left, right, settings.bands * settings.rows)
            alike[some] = share >= settings.threshold
        _union(parent, leader[alike], member[alike])
        pending = member[~alike]


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
