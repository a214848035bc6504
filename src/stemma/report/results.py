"""Results by example: a row per example with its id, and the columns that metrics are means of."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stemma.errors import DataError
from stemma.files import atomic_file

_NUMBERS = "biuf"  # kinds of numpy: true and false, integers, floating point


def examples(path: str | Path, ids: Iterable[Any], **columns: Any) -> None:
    """Write results by example, by which `stemma diff` tests whether two versions differ.

    The file is the same, byte for byte, for the same values; it is written atomically.

    Args:
        path: the file, ``*.parquet``; dvc.yaml declares it as an artifact of type ``evaluation``.
        ids: what an example is called, in each version the same and each once: [examples].
        columns: by name; numbers, or true and false, each a metric whose mean is compared, and text
            that says what an example is: sequences, arrays or CPU tensors, [examples].

    Raises:
        DataError: a column has another length than the ids, an id stands twice, a number is none,
            no column has numbers, or the ending is another.
    """
    path = Path(path)
    if path.suffix != ".parquet":
        raise DataError(f"{path} does not end with .parquet", "name it like reports/a.parquet")
    names = [str(one) for one in ids]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{path}: the id '{repeated[0]}' stands twice", "each example has its own")
    arrays = {name: _column(values, name, path) for name, values in columns.items()}
    for name, values in arrays.items():
        if values.shape != (len(names),):
            shape = " x ".join(map(str, values.shape)) or "one"
            raise DataError(
                f"{path}: column '{name}' has {shape} values for {len(names)} ids",
                "give one for each example",
            )
    if not any(values.dtype.kind in _NUMBERS for values in arrays.values()):
        raise DataError(f"{path}: no column has numbers", "give one, such as loss=… or correct=…")
    with atomic_file(path) as handle:
        pq.write_table(pa.table({"id": names, **arrays}), handle, compression="zstd")


def _column(values: Any, name: str, path: Path) -> np.ndarray:
    found = np.asarray(values if hasattr(values, "__array__") else list(values))
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise DataError(
            f"{path}: column '{name}' is {found.flat[row]} in row {row}",
            "leave such examples out, in each version the same",
        )
    return found if found.dtype.kind in _NUMBERS else found.astype(str).astype(object)
