"""manifest.parquet of a version: what became of each of its raw documents."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.errors import DataError
from stemma.store.version import Version

MANIFEST = "manifest.parquet"
SKETCH = "sketch"
_BATCH = 2**16  # rows in memory at once


def has_manifest(version: Version) -> bool:
    """Return whether a version has prepared documents.

    Raises:
        MissingError: what it has is known nowhere.
    """
    return MANIFEST in version.files(version.declared.prepared)


def read(version: Version, columns: Sequence[str], filters: Any = None) -> pa.Table:
    """Read columns of the manifest, a row per raw document, in the order of data/raw.

    Args:
        version: that has one.
        columns: of `stemma.corpus.manifest.SCHEMA`.
        filters: the rows that are wanted, as pyarrow takes it.

    Raises:
        DataError: the file is torn, or has no such column.
        MissingError: its bytes are nowhere.
    """
    output = version.declared.prepared
    path = version.path(output, MANIFEST)
    return read_file(path, columns, f"{output}/{MANIFEST} of {version.name}", filters)


def read_file(path: Path, columns: Sequence[str], owner: str, filters: Any = None) -> pa.Table:
    """Read columns of a manifest; ``owner`` is what it is, for an error.

    Of versions from before there were sketches, those are null.

    Raises:
        DataError: the file is torn, or has no such column.
    """
    with _told(owner):
        there = set(pq.read_schema(path).names)
        present = [name for name in columns if name != SKETCH or name in there]
        if lacking := set(present) - there:
            raise DataError(f"{owner} has no column {min(lacking)}", "is it of another tool?")
        table = pq.read_table(path, columns=present, filters=filters)
    if len(present) < len(columns):
        table = table.append_column(SKETCH, pa.nulls(len(table), pa.binary()))
    return table


def sketched(path: Path, columns: Sequence[str], owner: str) -> Iterator[pa.Table]:
    """Yield the rows that have a sketch, some at a time; none of versions from before sketches.

    Raises:
        DataError: the file is torn, or has no such column.
    """
    with _told(owner), pq.ParquetFile(path) as file:
        if SKETCH in file.schema_arrow.names:
            for batch in file.iter_batches(_BATCH, columns=[*columns, SKETCH]):
                rows = pa.Table.from_batches([batch])
                yield rows.filter(rows[SKETCH].is_valid())


@contextlib.contextmanager
def _told(owner: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = str(error).splitlines()[0]
        hint = "`stemma fsck` shows all that is lost"
        raise DataError(f"{owner} cannot be read: {said}", hint) from error
