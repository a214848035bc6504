"""Readers of one file: text, JSON lines, Parquet; memory does not grow with its length."""

import io
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.corpus.documents import Document
from stemma.corpus.sources.content import START, Packing, TextFile, check_kind, table_not_utf8
from stemma.corpus.sources.remote import RemoteFile
from stemma.corpus.sources.rows import RowReader, refuse_longer
from stemma.errors import SourceError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BUFFER = 2**20
_ROWS = 256
_WINDOW_LOG = 31
_BOM = "\ufeff"

File = Path | RemoteFile
"""What can be opened to be read in pieces, says its size and, as text, where it is."""


def read_text(path: File, reader: RowReader) -> Iterator[Document]:
    """Yield the whole file as one document; none if it is empty.

    Raises:
        SourceError: the file is too long, is no text or is not UTF-8.
    """
    file = TextFile(path)
    with path.open("rb") as raw:
        file.check(raw.peek(START)[:START])
        refuse_longer(path.stat().st_size, reader.max_bytes, str(path))
        text = _decode(raw.read(), file, str(path))
    if text:
        yield Document(id=reader.source, text=text, source=reader.source, license=reader.license)


def read_jsonl(path: File, reader: RowReader, packing: Packing | None) -> Iterator[Document]:
    """Yield a document per line; blank lines hold none.

    Raises:
        SourceError: the file is no text, or names the line that is too long, not UTF-8, not a JSON
            object or no document.
    """
    file = TextFile(path, packing)
    for number, line in enumerate(_lines(file, reader.max_bytes), 1):
        where = f"{path} line {number}"
        content = _decode(line, file, where)
        if content.strip():
            yield reader.read(_parse(content, file, where), number, where)


def read_parquet(path: File, reader: RowReader) -> Iterator[Document]:
    """Yield a document per row.

    Raises:
        SourceError: it is something else or encrypted, a column is missing or comes twice, or names
            the row that is no document.
    """
    try:
        with path.open("rb") as raw:
            check_kind(raw.peek(START)[:START], path, "Parquet")
            # A file of this machine Arrow opens itself, which is faster.
            yield from _rows(path, path if isinstance(path, Path) else raw, reader)
    except (pa.ArrowException, OSError) as error:
        if "crypt" not in str(error):
            raise
        raise SourceError(
            f"{path} holds encrypted columns: {error}",
            "put a file there that is not encrypted, or leave this one out",
        ) from error


def guarded(path: File, documents: Iterator[Document]) -> Iterator[Document]:
    """Yield the documents of a file, whatever its reader.

    Raises:
        SourceError: the file is torn: named with the documents that came before.
    """
    count = 0
    try:
        for document in documents:
            yield document
            count += 1
    except (pa.ArrowException, zstd.ZstdError, EOFError, OSError) as error:
        # Arrow reports a torn stream as an OSError that names nothing.
        if isinstance(error, OSError) and error.filename:
            raise
        raise SourceError(
            f"{path} cannot be read after document {count}: {error}",
            "the file is torn or not what its name says; fetch it again",
        ) from error


def _rows(path: File, source: Any, reader: RowReader) -> Iterator[Document]:
    number = 0
    with pq.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False) as file:
        names = file.schema_arrow.names
        columns = reader.wanted(names, str(path))
        for name in columns:
            if names.count(name) > 1:
                raise SourceError(
                    f"{path} has the column {name!r} {names.count(name)} times",
                    "write it with one of each name",
                )
        for batch in file.iter_batches(_ROWS, columns=columns):
            for index in range(batch.num_rows):
                number += 1
                where = f"{path} row {number}"
                yield reader.read(_row(batch, index, where), number, where)


def _row(batch: pa.RecordBatch, index: int, where: str) -> dict[str, Any]:
    return {name: _value(batch[name], index, name, where) for name in batch.schema.names}


def _value(column: pa.Array, index: int, name: str, where: str) -> Any:
    try:
        return column[index].as_py()
    except UnicodeDecodeError as error:
        raise table_not_utf8(error, where) from error
    # Such as a date after the year 9999, or a field that comes twice.
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise SourceError(
            f"{where}: column {name!r} of the type {column.type} cannot be read: {error}",
            "mend the row, or set source.columns",
        ) from error


def _lines(file: TextFile, limit: int) -> Iterator[bytes]:
    if file.packing and file.path.stat().st_size == 0:
        raise OSError("it is empty, which no compressed file is")
    with file.path.open("rb") as raw, _stream(raw, file) as stream:
        start = stream.peek(START)[:START]
        file.check(start)
        file.check_lines(start)
        # One byte more than allowed tells a line that is too long, in bounded memory.
        for number in itertools.count(1):
            line = stream.readline(limit + 1)
            if not line:
                return
            refuse_longer(len(line), limit, f"{file.path} line {number}", "at least ")
            yield line


def _stream(raw: io.BufferedReader, file: TextFile) -> io.BufferedReader:
    if file.packing is None:
        return raw
    check_kind(raw.peek(START)[:START], file.path, file.packing)
    if file.packing == "gzip":
        unpacked: Any = pa.CompressedInputStream(raw, "gzip")
    else:
        # The longest that there is: by default a file made with `zstd --long=31` is refused.
        longest: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
        unpacked = zstd.ZstdFile(raw, options=longest)
    return io.BufferedReader(unpacked, _BUFFER)


def _parse(content: str, file: TextFile, where: str) -> dict[str, Any]:
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where} is not JSON: {error}", _remedy(error, content, file)) from error
    if not isinstance(row, dict):
        raise SourceError(
            f"{where} is a JSON {type(row).__name__}, not an object", "mend or remove the line"
        )
    return row


def _remedy(error: Exception, content: str, file: TextFile) -> str:
    # It ends within its object, as the first of several lines does, or a second object follows.
    if isinstance(error, json.JSONDecodeError) and content[error.pos :].strip()[:1] in ("", "{"):
        return f"mend the line; or, to write an object a line: {file.through('jq -c .')}"
    return "mend or remove the line"


def _decode(content: bytes, file: TextFile, where: str) -> str:
    try:
        return content.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        raise file.not_utf8(error, where) from error
