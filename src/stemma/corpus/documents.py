"""Documents on disk: Parquet shards, written and read as streams."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.errors import DataError

PARTS = pa.list_(
    pa.struct(
        [
            pa.field("role", pa.string(), nullable=False),
            pa.field("text", pa.large_string(), nullable=False),
        ]
    )
)
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("license", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("parts", PARTS, nullable=False),
    ]
)
SHARD_BYTES = 64 * 2**20
SHARD_DOCUMENTS = 2**16
BATCH_BYTES = 4 * 2**20
BATCH_DOCUMENTS = 2**13


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A piece of a document that a task distinguishes from the others.

    Attributes:
        role: who says it (``user``, ``assistant``), what it is (``source``, ``target``), or the
            tag of a word.
        text: valid Unicode.
    """

    role: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A text and where it comes from.

    Attributes:
        id: unique within the corpus and stable between runs, such as ``hamlet/act-1/scene-2``.
        text: the text, valid Unicode.
        source: name of the entry in sources.json.
        license: SPDX identifier or the words of the source.
        group: the whole that it is part of (a play, a book, a file); may be empty.
        label: the class that it belongs to; may be empty.
        parts: the pieces that make up the text; empty if it is one piece.
    """

    id: str
    text: str
    source: str
    license: str
    group: str = ""
    label: str = ""
    parts: tuple[Part, ...] = ()


def write_shards(folder: Path, documents: Iterable[Document]) -> int:
    """Write ``folder/documents-00000.parquet`` and so on; return the number of documents.

    Shards end at about SHARD_BYTES of text or SHARD_DOCUMENTS, row groups at about BATCH_BYTES or
    BATCH_DOCUMENTS, so that a reader needs no more than a row group (and the longest document) in
    memory, and what is computed of a shard's documents is bounded too.
    """
    batches = _batches(documents)
    count = 0
    for shard, first in enumerate(batches):
        path = folder / f"documents-{shard:05d}.parquet"
        with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
            held = size = 0
            for batch in itertools.chain([first], batches):
                rows = [_row(document) for document in batch]
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                held += len(batch)
                size += sum(map(_size, batch))
                if size >= SHARD_BYTES or held >= SHARD_DOCUMENTS:
                    break
        count += held
    return count


def shards(folder: Path) -> list[Path]:
    """Return the shards of a folder in order.

    Raises:
        DataError: there are none.
    """
    found = sorted(folder.glob("documents-*.parquet"))
    if not found:
        raise DataError(f"{folder} holds no documents", "type `dvc repro ingest`")
    return found


def text_size(paths: Iterable[Path]) -> int:
    """Return roughly how many bytes the documents of these shards take, uncompressed.

    Raises:
        DataError: a file is torn or is no such Parquet file.
    """
    return sum(_uncompressed(path) for path in paths)


def read_shard(path: Path) -> Iterator[list[Document]]:
    """Yield the documents of one shard, a row group at a time.

    Raises:
        DataError: the file is torn or is no such Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            for index in range(file.num_row_groups):
                yield [_document(row) for row in file.read_row_group(index).to_pylist()]
    # Arrow reports a torn stream as an OSError that names nothing.
    except (pa.ArrowException, OSError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}", "type `dvc repro ingest`") from error


def _uncompressed(path: Path) -> int:
    try:
        meta = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}", "type `dvc repro ingest`") from error
    return sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))


def parts_of(rows: Iterable[dict[str, str]]) -> tuple[Part, ...]:
    """Return the parts that a column of the type PARTS holds."""
    return tuple(Part(**row) for row in rows)


def rows_of(parts: Iterable[Part]) -> list[dict[str, str]]:
    """Return parts as a column of the type PARTS takes them."""
    return [{"role": part.role, "text": part.text} for part in parts]


def _row(document: Document) -> dict[str, object]:
    row = {name: getattr(document, name) for name in SCHEMA.names}
    return {**row, "parts": rows_of(document.parts)}


def _document(row: dict[str, Any]) -> Document:
    return Document(**{**row, "parts": parts_of(row["parts"])})


def _size(document: Document) -> int:
    # The id counts too, so that a batch of empty texts ends as well.
    parts = sum(len(part.text) + len(part.role) for part in document.parts)
    return len(document.text) + len(document.id) + parts


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += _size(document)
        if size >= BATCH_BYTES or len(batch) >= BATCH_DOCUMENTS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
