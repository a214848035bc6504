"""Results by example of anybody's evaluation: Parquet, JSON Lines or CSV, one row per example.

A row has an id and numbers, or true and false; a metric is the mean of such a column. Of what
lm-evaluation-harness writes (``samples_*.jsonl``) the columns are those that a row names under
``metrics``, and the id is ``doc_id``, with the filter where there are several.
"""

from __future__ import annotations

import io
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stemma.modeling.metrics.formulas import Examples
from stemma.store.errors import DamagedError
from stemma.store.naming import RESULTS

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = RESULTS
_IDS = ("id", "doc_id", "example_id", "sample_id", "idx", "index")
_REMEDY = "results need a column `id`, another in each row, and columns of numbers"


def parse(raw: bytes, path: str, where: str) -> Examples:
    """Return the ids and the columns of numbers of a file of results.

    Columns that are no numbers, or that lack a value, are left out.

    Args:
        raw: its bytes.
        path: whose ending tells the format, one of ENDINGS.
        where: what it is, for an error.

    Raises:
        DamagedError: it is torn, has no ids, an id twice, or no column of numbers.
    """
    import pyarrow as pa

    try:
        ids, columns = _lines(raw) if path.endswith(".jsonl") else _table(raw, path)
    except KeyError as error:
        raise DamagedError(f"{where} has no ids: none of {', '.join(_IDS)}", _REMEDY) from error
    # Arrow reports a torn stream as an OSError that names nothing.
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        said = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise DamagedError(f"{where} is torn: {said}", "was it written to its end?") from error
    if len({*ids}) < len(ids):
        twice = next(name for name, count in Counter(ids).items() if count > 1)
        raise DamagedError(f"{where} has two rows for '{twice}'", _REMEDY)
    if not columns:
        raise DamagedError(f"{where} has no column of numbers", _REMEDY)
    return _arrays(ids, columns)


def means(examples: Examples) -> dict[str, float]:
    """Return the mean of each column of results."""
    return {name: float(column.mean()) for name, column in examples.items() if name != "id"}


def _arrays(ids: list[str], columns: Mapping[str, Any]) -> Examples:
    import numpy as np

    found: dict[str, Any] = {"id": np.array(ids, object)}
    return found | {name: np.asarray(column, np.float64) for name, column in columns.items()}


def _lines(raw: bytes) -> tuple[list[str], dict[str, array[float]]]:
    ids: list[str] = []
    columns: dict[str, array[float]] = {}
    for number, row in enumerate(_rows(raw)):
        key = next(name for name in [*_IDS, None] if name is None or name in row)
        ids.append(_id(row, row[key] if key else row["id"]))
        named = row.get("metrics")
        names = named if isinstance(named, list) else [name for name in row if name not in _IDS]
        values = {name: row.get(name) for name in names}
        numbers = {name: float(one) for name, one in values.items() if isinstance(one, int | float)}
        if not number:
            columns = {name: array("d") for name in numbers}
        # A column that lacks a value in any row is none.
        columns = {name: column for name, column in columns.items() if name in numbers}
        for name, column in columns.items():
            column.append(numbers[name])
    return ids, columns


def _rows(raw: bytes) -> Iterator[dict[str, Any]]:
    for line in io.BytesIO(raw):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line holds no JSON object")
            yield row


def _id(row: Mapping[str, Any], name: Any) -> str:
    # One answer of a model goes through several filters there.
    kind = row.get("filter")
    return f"{name}/{kind}" if kind not in (None, "none") else str(name)


def _table(raw: bytes, path: str) -> tuple[list[str], dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    source = pa.BufferReader(raw)
    table = csv.read_csv(source) if path.endswith(".csv") else pq.ParquetFile(source).read()
    key = next((name for name in _IDS if name in table.column_names), "")
    ids = [str(one) for one in table[key].to_pylist()] if key else table["id"].to_pylist()
    return ids, {name: _column(table[name]) for name in _numeric(table) if name not in _IDS}


def _numeric(table: pa.Table) -> Iterable[str]:
    import pyarrow as pa

    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    for name in table.column_names:
        column = table[name]
        if not column.null_count and any(is_kind(column.type) for is_kind in kinds):
            yield name


def _column(column: pa.ChunkedArray) -> Any:
    import pyarrow as pa

    return column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
