"""Where a document stands in a manifest: by its id, by the same text, or by a similar one."""

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.duplicates.minhash import SKETCH as BYTES
from stemma.corpus.duplicates.minhash import similarity
from stemma.versions.contents.manifest import SKETCH, read_file, sketched

How = Literal["id", "text", "cluster", "similar"]
SIMILAR = 0.7
"""The estimated similarity from which on two texts count as nearly the same.

Of texts that share 0.8 of their shingles, 97 of 100 are found; of texts that share 0.5, one in
1000 is taken for similar.
"""
_COLUMNS = ["id", "sha256", "split", "reason", "cluster", SKETCH]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A document to look for, as manifests know it.

    Attributes:
        ids: the ids that it has or had.
        hashes: the SHA-256 of each of its normalised texts.
        sketches: the MinHash sketch of each of its texts, ``SKETCH`` bytes long.
    """

    ids: frozenset[str]
    hashes: frozenset[str]
    sketches: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True)
class Match:
    """A row of a manifest that holds the document.

    Attributes:
        id: the id of the row.
        sha256: the SHA-256 of the row's normalised text.
        split: the split that the row is in; None if it was dropped.
        reason: why the row was dropped; None if it was not.
        how: what the row has in common with the document: its ``id``, the same ``text``, a
            ``cluster`` of duplicates, or a ``similar`` text.
        similarity: the estimated share of shingles in common, 0 to 1; None unless ``similar``.
    """

    id: str
    sha256: str
    split: str | None
    reason: str | None
    how: How
    similarity: float | None = None


class Exact(NamedTuple):
    """The rows of a manifest that have a document's id or text.

    Attributes:
        matches: the rows, those with the id first.
        sketches: the sketches of their texts, as far as the manifest has them.
    """

    matches: tuple[Match, ...]
    sketches: frozenset[bytes]


def exact(path: Path, owner: str, wanted: Wanted) -> Exact:
    """Return the rows that have a document's id or text.

    Args:
        path: the manifest.
        owner: the manifest's name in an error, such as "manifest.parquet of v1".
        wanted: the document.

    Raises:
        DataError: the manifest is torn.
    """
    rows = _exact(path, owner, wanted)
    sketches = frozenset(row[SKETCH] for row, _ in rows if row[SKETCH])
    return Exact(tuple(_match(row, how) for row, how in rows), sketches)


def search(path: Path, owner: str, wanted: Wanted) -> list[Match]:
    """Return all rows that hold a document: by id, by the same text, then by a similar one.

    Args:
        path: the manifest.
        owner: the manifest's name in an error, such as "manifest.parquet of v1".
        wanted: the document.

    Raises:
        DataError: the manifest is torn.
    """
    rows = _exact(path, owner, wanted)
    found = {row["id"]: _match(row, how) for row, how in rows}
    clusters = {row["cluster"] for row, _ in rows} - {None}
    near = [_match(row, "cluster") for row in _rows(path, owner, [("cluster", clusters)])]
    for match in (*near, *_similar(path, owner, wanted)):
        found.setdefault(match.id, match)
    return list(found.values())


def _exact(path: Path, owner: str, wanted: Wanted) -> list[tuple[dict[str, Any], How]]:
    rows = _rows(path, owner, [("id", wanted.ids), ("sha256", wanted.hashes)])
    told: list[tuple[dict[str, Any], How]] = [
        (row, "id" if row["id"] in wanted.ids else "text") for row in rows
    ]
    return sorted(told, key=lambda pair: pair[1])


def _rows(
    path: Path, owner: str, columns: Iterable[tuple[str, Collection[str]]]
) -> list[dict[str, Any]]:
    """Return the rows in which one of the columns has one of the values given for it."""
    filters = [[(column, "in", sorted(values))] for column, values in columns if values]
    return read_file(path, _COLUMNS, owner, filters).to_pylist() if filters else []


def _similar(path: Path, owner: str, wanted: Wanted) -> Iterator[Match]:
    texts = _array(wanted.sketches)
    for rows in sketched(path, _COLUMNS[:-1], owner) if len(texts) else ():
        there = _array(rows[SKETCH].to_pylist())
        shares = np.max([similarity(there, text) for text in texts], axis=0)
        for index in np.flatnonzero(shares >= SIMILAR).tolist():
            (row,) = rows.slice(index, 1).to_pylist()
            yield dataclasses.replace(_match(row, "similar"), similarity=float(shares[index]))


def _array(sketches: Iterable[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(sketches), np.uint8).reshape(-1, BYTES)


def _match(row: dict[str, Any], how: How) -> Match:
    keys = ("id", "sha256", "split", "reason")
    return Match(how=how, **{key: row[key] for key in keys})
