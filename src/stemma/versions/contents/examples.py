"""The examples that a version was measured on: reports/examples.parquet."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stemma import lfs
from stemma.modeling.metrics.formulas import Examples
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.version import Version
from stemma.versions.contents import results
from stemma.versions.contents.formulas import FORMULAS
from stemma.versions.contents.metrics import REMEDY

_TEXTS = frozenset({"id", "label", "predicted", "wanted", "written"})
_NUMBERS = frozenset(name for one in FORMULAS for name in one.needs) - _TEXTS


def read_examples(version: Version) -> Examples | None:
    """Return the columns of the examples of a version, or of anybody's results; None without any.

    Raises:
        DamagedError: the file is torn, or has rows without an id, or two with the same one.
        ProjectError: Git LFS keeps it.
        MissingError: DVC keeps it, and its bytes are nowhere.
    """
    path = version.declared.examples
    raw = version.get(path)
    if raw is None:
        return None
    where = f"{path} of {version.name}" if version.has_reports else version.name
    return parse(raw, where) if _is_ours(version, raw) else results.parse(raw, path, where)


def _is_ours(version: Version, raw: bytes) -> bool:
    """Say whether a file is laid out as the stage evaluate does it, wherever it stands."""
    path = version.declared.examples
    if not version.declared.by_example or not path.endswith(results.ENDINGS):
        return True
    if not path.endswith(".parquet"):
        return False
    try:
        return tells(pq.read_schema(pa.BufferReader(raw)).names)
    except (pa.ArrowException, OSError):
        return False


def tells(columns: Iterable[str]) -> bool:
    """Say whether columns are what the metrics of a task are computed from."""
    return any({*columns} >= {*one.needs} for one in FORMULAS)


def parse(raw: bytes, where: str) -> Examples:
    """Return the columns in the bytes of examples.parquet; ``where`` says which, for an error.

    Raises:
        ProjectError: as ``read_examples``.
    """
    lfs.refuse(raw, where, ProjectError, "take it out of .gitattributes: Git itself has to keep it")
    try:
        # A small file is read in a third of the time that handing it to threads takes.
        table = pq.ParquetFile(pa.BufferReader(raw)).read(use_threads=False)
    # Arrow reports a torn stream as an OSError that names nothing.
    except (pa.ArrowException, OSError) as error:
        raise DamagedError(f"{where} is torn: {error}", REMEDY) from error
    if "id" not in table.column_names:
        raise DamagedError(f"{where} has no column 'id'", REMEDY)
    _check(table, where)
    columns = {name: _array(table[name]) for name in table.column_names}
    ids = columns["id"].tolist()
    if len(set(ids)) < len(ids):
        twice = next(name for name, count in Counter(ids).items() if count > 1)
        raise DamagedError(f"{where} has two rows for '{twice}'", REMEDY)
    return columns


def _check(table: pa.Table, where: str) -> None:
    """Refuse a column whose values are of another type than those that evaluate writes."""
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    for name in table.column_names:
        column = table[name]
        if column.null_count:
            raise DamagedError(f"{where} has a row without '{name}'", REMEDY)
        if name in _TEXTS and not pa.types.is_string(column.type):
            raise DamagedError(f"{where} has {column.type} in '{name}', which are texts", REMEDY)
        if name in _NUMBERS and not any(is_kind(column.type) for is_kind in numbers):
            raise DamagedError(f"{where} has {column.type} in '{name}', which are numbers", REMEDY)


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    # What pyarrow has for it imports pandas where that is installed, which takes 0.2 s.
    if not column.null_count:
        whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            return np.from_dlpack(whole)
        if pa.types.is_boolean(column.type) or pa.types.is_string(column.type):
            return np.array(whole.to_pylist(), bool if pa.types.is_boolean(column.type) else object)
    return column.to_numpy()
