"""Where a record stands in a manifest: under its id, as the same text, or as nearly the same."""

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.duplicates.minhash import SKETCH as BYTES
from stemma.corpus.duplicates.minhash import similarity
from stemma.versions.contents.manifest import SKETCH, read_file, sketched

How = Literal["id", "text", "cluster", "similar"]
SIMILAR = 0.7
"""From here on two sketches count as of nearly the same text.

Of texts that share 0.8 of their shingles, 97 of 100 are found; of those that share 0.5, one of
1000 is taken for similar.
"""
_COLUMNS = ["id", "sha256", "split", "reason", "cluster", SKETCH]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A record as manifests know it.

    Attributes:
        ids: that it has or had.
        hashes: SHA-256 of its normalised texts.
        sketches: of its texts, uint8 [texts, SKETCH].
    """

    ids: frozenset[str]
    hashes: frozenset[str]
    sketches: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True)
class Match:
    """A row of a manifest that holds the record.

    Attributes:
        split: None if it was dropped.
        reason: why it was dropped; None if it was not.
        how: by its ``id``; by the same ``text``; by a ``cluster`` of duplicates that it is in; or
            because its text is ``similar``.
        similarity: as estimated; None where it is not by that.
        sketch: of its text; None where there is none.
    """

    id: str
    sha256: str
    split: str | None
    reason: str | None
    how: How
    similarity: float | None = None
    sketch: bytes | None = None


def exact(path: Path, owner: str, wanted: Wanted) -> list[Match]:
    """Return the rows of a record by id and by text; ``owner`` is whose manifest it is.

    Raises:
        DataError: the manifest is torn.
    """
    return [_match(row, how) for row, how in _exact(path, owner, wanted)]


def search(path: Path, owner: str, wanted: Wanted) -> list[Match]:
    """Return all rows of a record: by id, then the same texts, then what is nearly the same.

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
    """Return the rows that have in one of the columns one of its values."""
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
    keys = ("id", "sha256", "split", "reason", "sketch")
    return Match(how=how, **{key: row[key] for key in keys})
