"""The documents of two manifests, matched by id: a million of them take seconds."""

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

pc: Any = pyarrow.compute  # its functions are made at import, where type checkers see none
_COLUMNS = ("id", "source", "language", "bytes", "split", "tokens", "reason")
# Sixteen bands of four bytes: of texts with a similarity of 0.5, 64 in 100 are found; of those with
# 0.8, all but 2 in 10,000.
_BANDS = 16
_TRIED = 4  # candidates of a bucket: bounds the work on a text that a corpus has thousands of
_ALIKE = 0.5  # the similarity from which two documents are told to be much alike
DROPPED = "dropped: "
"""How a fate begins that is no split; the reason follows."""

Rows = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class MatchedDocuments:
    """The documents of two manifests; a row is the position of a document in its manifest.

    Attributes:
        a: the first manifest, with a column ``fate``: the split of a document, or why it was
            dropped.
        b: the second manifest, likewise.
        both: rows of the documents whose id is in both: in ``a``, and in ``b``.
        added: rows in ``b`` of documents that ``a`` does not have, under this or any other id.
        removed: rows in ``a`` of documents that ``b`` does not have.
        renamed: rows in ``a`` and in ``b`` of the same text under two ids.
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
        """Whether nothing differs."""
        lists = (self.added, self.removed, self.renamed[0])
        flags = (self.changed, self.placed, self.masked)
        return not (any(map(len, lists)) or any(flag.any() for flag in flags))

    def values(self, column: str, which: NDArray[np.bool_]) -> tuple[pa.Array, pa.Array]:
        """Return the values of a column for some of ``both``: in ``a``, and in ``b``."""
        sides = zip((self.a, self.b), self.both, strict=True)
        one, other = (table[column].take(pa.array(rows[which])) for table, rows in sides)
        return one, other


def match(a: Version, b: Version) -> MatchedDocuments:
    """Match the documents of two versions.

    Raises:
        DataError: a manifest is torn.
        MissingError: a manifest cannot be found.
    """
    one, other = (_with_fate(read(version, _COLUMNS)) for version in (a, b))
    ours, theirs = _places(one["id"], other["id"])
    added, removed = _others(len(other), theirs), _others(len(one), ours)
    keys = [read(version, ["sha256"])["sha256"] for version in (a, b)]
    gone, new = _places(_take(keys[0], removed), _take(keys[1], added))
    # A text may be added several times, but each removed document was renamed at most once.
    gone, first = np.unique(gone, return_index=True)
    renamed = removed[gone], added[new[first]]
    sides = {
        name: (_take(one[name], ours), _take(other[name], theirs)) for name in ("fate", "bytes")
    }
    sides["sha256"] = _take(keys[0], ours), _take(keys[1], theirs)
    differs = {name: _flags(pc.not_equal(*values)) for name, values in sides.items()}
    return MatchedDocuments(
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


def similarities(matched: MatchedDocuments, a: Version, b: Version) -> NDArray[np.float64]:
    """Estimate how similar each changed document is to what it was, 0 to 1; NaN if not known."""
    sides = zip((a, b), matched.both, strict=True)
    one, other = (_sketches(version, rows[matched.changed]) for version, rows in sides)
    found = np.full(len(one[0]), np.nan)
    known = one[1] & other[1]
    found[known] = similarity(one[0][known], other[0][known])
    return found


def nearest(matched: MatchedDocuments, a: Version, b: Version) -> list[tuple[int, int, float]]:
    """Return pairs of a removed and an added document that are much alike.

    Returns:
        (row in ``a``, row in ``b``, similarity): each removed document with the most similar added
        one, the most similar pairs first.
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
    kept = np.flatnonzero(best >= _ALIKE)
    ranked = kept[np.argsort(-best[kept], kind="stable")]
    return [(int(removed[row]), int(added[partner[row]]), float(best[row])) for row in ranked]


def counts(table: pa.Table, key: str) -> dict[str, dict[str, Any]]:
    """Return the documents, bytes and tokens of a manifest, by the values of a column.

    Tokens are None where the manifest counts none at all.
    """
    counted = table["tokens"].null_count < len(table)
    grouped = table.group_by(key).aggregate(
        [([], "count_all"), ("bytes", "sum"), ("tokens", "sum")]
    )
    return {
        row[key]: {
            "documents": row["count_all"],
            "bytes": row["bytes_sum"],
            "tokens": (row["tokens_sum"] or 0) if counted else None,
        }
        for row in grouped.to_pylist()
    }


def _with_fate(table: pa.Table) -> pa.Table:
    dropped = pc.binary_join_element_wise(DROPPED, table["reason"], "")
    return table.append_column("fate", pc.coalesce(table["split"], dropped))


def _places(one: pa.ChunkedArray, other: pa.ChunkedArray) -> tuple[Rows, Rows]:
    """Return the rows of the values that both columns have: in ``one``, and in ``other``."""
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
    """Return the sketches of some rows, uint8 [rows, SKETCH], and which of the rows have one."""
    # Not kept in memory: the sketches of most documents are never needed.
    column = _take(read(version, [COLUMN])[COLUMN], rows)
    known = _flags(column.is_valid())
    values = np.zeros((len(rows), SKETCH), np.uint8)
    joined = b"".join(column.drop_null().to_pylist())
    values[known] = np.frombuffer(joined, np.uint8).reshape(-1, SKETCH)
    return values, known
