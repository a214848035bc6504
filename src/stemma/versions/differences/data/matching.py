"""The documents of two manifests, matched by their ids, in arrays: a million take seconds."""

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from stemma.corpus.duplicates.minhash import SKETCH, similarity
from stemma.store.version import Version
from stemma.versions.contents.manifest import SKETCH as COLUMN
from stemma.versions.contents.manifest import read

pc: Any = pyarrow.compute  # made at its import, so that type checkers see none of them
_COLUMNS = ("id", "source", "language", "bytes", "split", "tokens", "reason")
# Sixteen bands of four bytes: texts that are alike by half are found in 64 of 100 cases, by 0.8 in
# all but 2 of 10,000.
_BANDS = 16
_TRIED = 4  # of a bucket: bounds the work on texts that a corpus has thousands of
ALIKE = 0.5
DROPPED = "dropped: "  # what a fate begins with that is no split

Rows = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Matched:
    """Two manifests; rows are places in them.

    Attributes:
        a: the table of the first.
        b: of the second, with ``fate``: its split, or why it was dropped; as in ``a``.
        both: rows of the documents that are in both, by id: in ``a``, and in ``b``.
        added: rows in ``b`` whose id ``a`` does not have, by id or under another id.
        removed: rows in ``a``, likewise.
        renamed: rows in ``a`` and in ``b`` of one text under two ids.
        changed: which of ``both`` have another text.
        placed: which of ``both`` have another fate.
        masked: which of ``both`` have the same text, but other bytes after masking.
    """

    a: pa.Table
    b: pa.Table
    both: tuple[Rows, Rows]
    added: Rows
    removed: Rows
    renamed: tuple[Rows, Rows]
    changed: NDArray[np.bool_]
    placed: NDArray[np.bool_]
    masked: NDArray[np.bool_]

    @property
    def same(self) -> bool:
        """Whether there is nothing to tell."""
        lists = (self.added, self.removed, self.renamed[0])
        flags = (self.changed, self.placed, self.masked)
        return not (any(map(len, lists)) or any(flag.any() for flag in flags))

    def values(self, column: str, which: NDArray[np.bool_]) -> tuple[pa.Array, pa.Array]:
        """Return a column of some of ``both``, of ``a`` and of ``b``."""
        sides = zip((self.a, self.b), self.both, strict=True)
        one, other = (table[column].take(pa.array(rows[which])) for table, rows in sides)
        return one, other


def match(a: Version, b: Version) -> Matched:
    """Match the documents of two versions.

    Raises:
        DataError: a manifest is torn.
        MissingError: its bytes are nowhere.
    """
    one, other = (_with_fate(read(version, _COLUMNS)) for version in (a, b))
    ours, theirs = _places(one["id"], other["id"])
    added, removed = _others(len(other), theirs), _others(len(one), ours)
    keys = [read(version, ["sha256"])["sha256"] for version in (a, b)]
    gone, new = _places(_take(keys[0], removed), _take(keys[1], added))
    # One text may have come or gone more than once; each can have been renamed once.
    gone, first = np.unique(gone, return_index=True)
    renamed = removed[gone], added[new[first]]
    sides = {
        name: (_take(one[name], ours), _take(other[name], theirs)) for name in ("fate", "bytes")
    }
    sides["sha256"] = _take(keys[0], ours), _take(keys[1], theirs)
    differs = {name: _flags(pc.not_equal(*values)) for name, values in sides.items()}
    return Matched(
        one,
        other,
        (ours, theirs),
        np.setdiff1d(added, renamed[1]),
        np.setdiff1d(removed, renamed[0]),
        renamed,
        differs["sha256"],
        differs["fate"],
        differs["bytes"] & ~differs["sha256"],
    )


def similarities(matched: Matched, a: Version, b: Version) -> NDArray[np.float64]:
    """Estimate how alike each changed document is to what it was; NaN where that is not known."""
    sides = zip((a, b), matched.both, strict=True)
    one, other = (_sketches(version, rows[matched.changed]) for version, rows in sides)
    found = np.full(len(one[0]), np.nan)
    known = one[1] & other[1]
    found[known] = similarity(one[0][known], other[0][known])
    return found


def nearest(matched: Matched, a: Version, b: Version) -> list[tuple[int, int, float]]:
    """Return the removed and added documents that are alike: rows of ``a`` and ``b``, similarity.

    Each removed one stands beside the most similar added one, the most similar pairs first.
    """
    left, known = _sketches(a, matched.removed)
    right, there = _sketches(b, matched.added)
    removed, added = matched.removed[known], matched.added[there]
    left, right = left[known], right[there]
    best, partner = np.zeros(len(left)), np.full(len(left), -1)
    for band in range(_BANDS):
        width = SKETCH // _BANDS
        keys, others = (
            np.ascontiguousarray(side[:, band * width : (band + 1) * width]).view("<u4").ravel()
            for side in (left, right)
        )
        order = np.argsort(others, kind="stable")
        start = np.searchsorted(others[order], keys)
        for offset in range(_TRIED):
            place = np.minimum(start + offset, len(order) - 1)
            asked = np.flatnonzero(others[order[place]] == keys) if len(order) else order
            candidate = order[place[asked]] if len(order) else order
            found = similarity(left[asked], right[candidate])
            better = found > best[asked]
            best[asked[better]], partner[asked[better]] = found[better], candidate[better]
    kept = np.flatnonzero(best >= ALIKE)
    ranked = kept[np.argsort(-best[kept], kind="stable")]
    return [(int(removed[row]), int(added[partner[row]]), float(best[row])) for row in ranked]


def counts(table: pa.Table, key: str) -> dict[str, dict[str, int]]:
    """Count documents by a column, and sum their bytes and tokens."""
    grouped = table.group_by(key).aggregate(
        [([], "count_all"), ("bytes", "sum"), ("tokens", "sum")]
    )
    return {
        row[key]: {
            "documents": row["count_all"],
            "bytes": row["bytes_sum"],
            "tokens": row["tokens_sum"] or 0,
        }
        for row in grouped.to_pylist()
    }


def _with_fate(table: pa.Table) -> pa.Table:
    dropped = pc.binary_join_element_wise(DROPPED, table["reason"], "")
    return table.append_column("fate", pc.coalesce(table["split"], dropped))


def _places(one: pa.ChunkedArray, other: pa.ChunkedArray) -> tuple[Rows, Rows]:
    """Return where the values of ``other`` that ``one`` has stand: in ``one``, and in ``other``."""
    found = pc.index_in(other, value_set=one.combine_chunks())
    rows = np.flatnonzero(_flags(found.is_valid()))
    return found.drop_null().to_numpy().astype(np.int64), rows


def _others(count: int, rows: Rows) -> Rows:
    free = np.ones(count, np.bool_)
    free[rows] = False
    return np.flatnonzero(free)


def _take(column: pa.ChunkedArray, rows: Rows) -> pa.ChunkedArray:
    return column.take(pa.array(rows))


def _flags(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return values.to_numpy().astype(np.bool_)


def _sketches(version: Version, rows: Rows) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the sketches of some rows, [rows, SKETCH], and which of them there are."""
    # Read when they are asked for, and let go: of most documents nobody asks.
    column = _take(read(version, [COLUMN])[COLUMN], rows)
    known = _flags(column.is_valid())
    values = np.zeros((len(rows), SKETCH), np.uint8)
    joined = b"".join(column.drop_null().to_pylist())
    values[known] = np.frombuffer(joined, np.uint8).reshape(-1, SKETCH)
    return values, known
