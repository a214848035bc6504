"""Readers of one file: text, JSON lines, Parquet; memory does not grow with its length."""

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.corpus.records import Document
from stemma.corpus.sources.rows import RowReader, refuse_longer
from stemma.errors import SourceError

Compression = Literal["gzip", "zstd"]

_BUFFER = 2**20
_ROWS = 256
_BOM = "\ufeff"


def read_text(path: Path, reader: RowReader) -> Iterator[Document]:
    """Yield the whole file as one document; none if it is empty.

    Raises:
        SourceError: the file is too long or is not UTF-8.
    """
    refuse_longer(path.stat().st_size, reader.max_bytes, str(path))
    text = _decode(path.read_bytes(), str(path))
    if text:
        yield Document(id=reader.source, text=text, source=reader.source, license=reader.license)


def read_jsonl(
    path: Path, reader: RowReader, compression: Compression | None
) -> Iterator[Document]:
    """Yield a document per line; blank lines hold none.

    Raises:
        SourceError: names the line that is too long, not UTF-8, not a JSON object or no document.
    """
    for number, line in enumerate(_lines(path, compression, reader.max_bytes), 1):
        where = f"{path} line {number}"
        content = _decode(line, where)
        if content.strip():
            yield reader.read(_parse(content, where), number, where)


def read_parquet(path: Path, reader: RowReader) -> Iterator[Document]:
    """Yield a document per row.

    Raises:
        SourceError: a column is missing, or names the row that is no document.
    """
    number = 0
    with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
        reader.require(file.schema_arrow.names, str(path))
        for batch in file.iter_batches(_ROWS, columns=list(reader.keys)):
            for index in range(batch.num_rows):
                number += 1
                where = f"{path} row {number}"
                yield reader.read(_row(batch, index, where), number, where)


def guarded(path: Path, documents: Iterator[Document]) -> Iterator[Document]:
    """Yield the documents of a file, whatever its reader.

    Raises:
        SourceError: names the file that is torn, and the documents that came before.
    """
    count = 0
    try:
        for document in documents:
            yield document
            count += 1
    except (pa.ArrowException, OSError) as error:
        # Arrow reports a torn stream as an OSError that names nothing.
        if isinstance(error, OSError) and error.filename:
            raise
        raise SourceError(
            f"{path} cannot be read after document {count}: {error}",
            "the file is torn or not what its name says; fetch it again",
        ) from error


def _row(batch: pa.RecordBatch, index: int, where: str) -> dict[str, Any]:
    try:
        return {name: batch[name][index].as_py() for name in batch.schema.names}
    except UnicodeDecodeError as error:
        raise _not_utf8(error, where) from error


def _lines(path: Path, compression: Compression | None, limit: int) -> Iterator[bytes]:
    if compression and path.stat().st_size == 0:
        raise OSError("it is empty, which no compressed file is")
    with path.open("rb") as raw, _stream(raw, compression) as stream:
        # One byte more than allowed tells a line that is too long, in bounded memory.
        for number in itertools.count(1):
            line = stream.readline(limit + 1)
            if not line:
                return
            refuse_longer(len(line), limit, f"{path} line {number}", "at least ")
            yield line


def _stream(raw: io.BufferedReader, compression: Compression | None) -> io.BufferedReader:
    if compression is None:
        return raw
    unpacked: Any = pa.CompressedInputStream(raw, compression)
    return io.BufferedReader(unpacked, _BUFFER)


def _parse(content: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where} is not JSON: {error}", "mend or remove the line") from error
    if not isinstance(row, dict):
        raise SourceError(
            f"{where} is a JSON {type(row).__name__}, not an object", "mend or remove the line"
        )
    return row


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        raise _not_utf8(error, where) from error


def _not_utf8(error: UnicodeDecodeError, where: str) -> SourceError:
    return SourceError(
        f"{where} is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}",
        "convert it, for example with `iconv -f LATIN1 -t UTF-8`",
    )
