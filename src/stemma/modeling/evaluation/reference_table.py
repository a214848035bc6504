"""reports/reference.parquet: requests made of the test split, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.files import atomic_file
from stemma.layout import REPORTS
from stemma.modeling.prompts import WIDTH

FILE = REPORTS / "reference.parquet"
KEY = b"stemma"
"""Of the file's metadata: JSON with what is known of all rows."""
_FEATURES = (
    ("characters", pa.int64()),
    ("words", pa.int64()),
    ("lines", pa.int64()),
    ("non_ascii", pa.float64()),
    ("digits", pa.float64()),
    ("repeated", pa.float64()),
    ("language", pa.string()),
)
_SCHEMA = pa.schema(
    [
        ("prompt", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("nats", pa.float64()),
        ("rare", pa.float64()),
        ("unknown", pa.float64()),
        ("state", pa.list_(pa.float16(), WIDTH)),
        *_FEATURES,
        ("completion_tokens", pa.int64()),
        ("finish", pa.string()),
        ("refusal", pa.bool_()),
        ("empty", pa.bool_()),
        *((f"answer_{name}", kind) for name, kind in _FEATURES),
    ]
)


def table_of(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> pa.Table:
    """Return rows as they stand in the file, with what is known of all of them."""
    schema = _SCHEMA.with_metadata({KEY: json.dumps(facts, sort_keys=True)})
    return pa.Table.from_pylist([dict(row) for row in rows], schema)


def write(table: pa.Table | None) -> None:
    """Write the file; without rows for a task that writes no text."""
    with atomic_file(FILE) as handle:
        pq.write_table(table_of([], {}) if table is None else table, handle, compression="zstd")
