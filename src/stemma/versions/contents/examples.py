"""The examples that two versions were measured on, paired: reports/examples.parquet."""

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stemma import lfs
from stemma.layout import PREPARED
from stemma.modeling.metrics.formulas import Examples
from stemma.store.errors import MissingError, ProjectError
from stemma.store.version import Version
from stemma.versions.contents.formulas import FORMULAS
from stemma.versions.contents.manifest import MANIFEST, has_manifest
from stemma.versions.contents.metrics import REMEDY
from stemma.versions.history.records import EXAMPLES

# What an example is, whatever a model makes of it.
_GIVEN = ("bytes", "words", "label", "wanted", "entities")
_TEXTS = frozenset({"id", "label", "predicted", "wanted", "written"})
_NUMBERS = frozenset(name for one in FORMULAS for name in one.needs) - _TEXTS


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Examples of two versions.

    Attributes:
        ids: of the examples that both have, and that are the same in both.
        a: columns of the first version, in the order of ``ids``.
        b: of the second.
        only_a: ids that the second version was not measured on.
        only_b: ids that the first was not measured on.
        changed: ids that stand for another text in each.
        hashed: whether texts were compared by hash; otherwise by what the examples tell of them.
    """

    ids: list[str]
    a: Examples
    b: Examples
    only_a: list[str]
    only_b: list[str]
    changed: list[str]
    hashed: bool


def read_examples(version: Version) -> Examples | None:
    """Return the columns of the examples of a version; None if it has none.

    Raises:
        ProjectError: the file is torn, or names no examples, or one of them twice.
    """
    raw = version.read(EXAMPLES.as_posix())
    return None if raw is None else parse(raw, version.name)


def parse(raw: bytes, owner: str) -> Examples:
    """Return the columns in the bytes of examples.parquet; ``owner`` is whose it is.

    Raises:
        ProjectError: as ``read_examples``.
    """
    where = f"{EXAMPLES} of {owner}"
    lfs.refuse(raw, where, ProjectError, "take it out of .gitattributes: Git itself has to keep it")
    try:
        # A small file is read in a third of the time that handing it to threads takes.
        table = pq.ParquetFile(pa.BufferReader(raw)).read(use_threads=False)
    # Arrow reports a torn stream as an OSError that names nothing.
    except (pa.ArrowException, OSError) as error:
        raise ProjectError(f"{where} is torn: {error}", REMEDY) from error
    if "id" not in table.column_names:
        raise ProjectError(f"{where} has no column 'id'", REMEDY)
    _check(table, where)
    columns = {name: _array(table[name]) for name in table.column_names}
    ids = columns["id"].tolist()
    if len(set(ids)) < len(ids):
        twice = next(name for name, count in Counter(ids).items() if count > 1)
        raise ProjectError(f"{where} has two rows for '{twice}'", REMEDY)
    return columns


def _check(table: pa.Table, where: str) -> None:
    """Refuse columns of figures with something else in them than evaluate writes."""
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    for name in table.column_names:
        column = table[name]
        if column.null_count:
            raise ProjectError(f"{where} has a row without '{name}'", REMEDY)
        if name in _TEXTS and not pa.types.is_string(column.type):
            raise ProjectError(f"{where} has {column.type} in '{name}', which are texts", REMEDY)
        if name in _NUMBERS and not any(is_kind(column.type) for is_kind in numbers):
            raise ProjectError(f"{where} has {column.type} in '{name}', which are numbers", REMEDY)


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    # What pyarrow has for it imports pandas where that is installed, which takes 0.2 s.
    if not column.null_count:
        whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            return np.from_dlpack(whole)
        if pa.types.is_boolean(column.type) or pa.types.is_string(column.type):
            return np.array(whole.to_pylist(), bool if pa.types.is_boolean(column.type) else object)
    return column.to_numpy()


def pair(a: Version, b: Version) -> Pairs | None:
    """Pair the examples of two versions by id; None if one has none.

    Raises:
        ProjectError: a file is torn.
    """
    left, right = read_examples(a), read_examples(b)
    if left is None or right is None:
        return None
    return match(left, right, _hashes(a, b))


def match(
    left: Examples, right: Examples, hashes: tuple[dict[str, str], dict[str, str]] | None
) -> Pairs:
    """Pair the rows of two tables by id.

    Args:
        left: of the first version.
        right: of the second.
        hashes: of the texts by id, in each; None if they are not known.
    """
    given = [column for column in _GIVEN if column in left and column in right]
    if hashes is None and all(np.array_equal(left[name], right[name]) for name in ("id", *given)):
        # From one version of a list to the next nearly always: a tenth of the time.
        return Pairs(left["id"].tolist(), left, right, [], [], [], False)
    rows_a, rows_b = (
        {name: row for row, name in enumerate(side["id"].tolist())} for side in (left, right)
    )
    both = [name for name in rows_a if name in rows_b]
    here, there = (np.array([rows[name] for name in both], int) for rows in (rows_a, rows_b))
    same = np.ones(len(both), bool)
    for column in given:
        same &= left[column][here] == right[column][there]
    if hashes is not None:
        same &= np.array([hashes[0].get(name) == hashes[1].get(name) for name in both], bool)
    return Pairs(
        [both[row] for row in np.flatnonzero(same)],
        {name: column[here[same]] for name, column in left.items()},
        {name: column[there[same]] for name, column in right.items()},
        [name for name in rows_a if name not in rows_b],
        [name for name in rows_b if name not in rows_a],
        [both[row] for row in np.flatnonzero(~same)],
        hashes is not None,
    )


def _hashes(a: Version, b: Version) -> tuple[dict[str, str], dict[str, str]] | None:
    """Return the hashes of the texts of both test splits by id; none if the splits are the same.

    Returns:
        None if they are at hand nowhere.

    Raises:
        ProjectError: a manifest is torn.
    """
    folders = [_key(version) for version in (a, b)]
    if folders[0] and folders[0] == folders[1]:
        return {}, {}
    try:
        if has_manifest(a) and has_manifest(b):
            return _read_hashes(a), _read_hashes(b)
    except MissingError:
        pass
    return None


def _key(version: Version) -> str | None:
    outs = (out for stage in version.stages() for out in stage.outs)
    return next((out.md5 for out in outs if out.path == PREPARED.as_posix()), None)


def _read_hashes(version: Version) -> dict[str, str]:
    path = version.path(PREPARED.as_posix(), MANIFEST)
    try:
        table = pq.read_table(path, columns=["id", "sha256"], filters=[("split", "=", "test")])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ProjectError(
            f"{PREPARED / MANIFEST} of {version.name} is torn: {error}",
            "`stemma fsck` shows all that is lost",
        ) from error
    return dict(zip(table["id"].to_pylist(), table["sha256"].to_pylist(), strict=True))
