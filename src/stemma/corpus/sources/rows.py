"""A row of a table or a JSON line, turned into a document."""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from typing import Any

from stemma.corpus.records import Document
from stemma.corpus.sources.settings import Columns
from stemma.errors import SourceError


@dataclasses.dataclass(frozen=True)
class RowReader:
    """Makes documents of rows that have the same columns.

    Attributes:
        columns: which column holds what.
        source: name of the part.
        license: licence of the part.
        max_bytes: longest text, in UTF-8 bytes.
    """

    columns: Columns
    source: str
    license: str
    max_bytes: int

    @functools.cached_property
    def keys(self) -> dict[str, str]:
        """The columns that are read, and the key of `Columns` that names each."""
        named = dataclasses.asdict(self.columns).items()
        return {column: key for key, column in named if column is not None}

    def require(self, available: Collection[str], where: str) -> None:
        """Check that every column is there.

        Raises:
            SourceError: names the first that is not, and those that are.
        """
        for column, key in self.keys.items():
            if column not in available:
                there = ", ".join(repr(name) for name in available) or "none"
                raise SourceError(
                    f"{where} has no column {column!r}; it has {there}", f"set source.columns.{key}"
                )

    def read(self, row: Mapping[str, Any], number: int, where: str) -> Document:
        """Return the document of one row.

        Args:
            row: values by column.
            number: 1-based; makes the id where no column does.
            where: the file and the row, for messages.

        Raises:
            SourceError: a column is missing, the text is no string or too long, or the id or the
                group is neither a string nor a whole number.
        """
        self.require(row, where)
        text = row[self.columns.text]
        if not isinstance(text, str):
            raise _wrong_type(self.columns.text, text, "a string", where)
        # The cheap bound first: a character takes at most four bytes.
        if 4 * len(text) > self.max_bytes:
            refuse_longer(len(text.encode("utf-8", "surrogatepass")), self.max_bytes, where)
        return Document(
            id=_label(row, self.columns.id, where) or f"{self.source}#{number}",
            text=text,
            source=self.source,
            license=self.license,
            group=_label(row, self.columns.group, where),
        )


def _label(row: Mapping[str, Any], column: str | None, where: str) -> str:
    if column is None:
        return ""
    value = row[column]
    if not isinstance(value, str | int) or value == "":
        raise _wrong_type(column, value, "a string or a whole number", where)
    return str(value)


def _wrong_type(column: str, value: object, expected: str, where: str) -> SourceError:
    found = "empty" if value == "" else type(value).__name__
    return SourceError(
        f"{where}: column {column!r} is {found}, not {expected}",
        "mend the row, or set source.columns",
    )


def refuse_longer(size: int, limit: int, where: str, at_least: str = "") -> None:
    """Refuse what would not fit the memory set aside for one document.

    Raises:
        SourceError: ``size`` bytes are more than ``limit``.
    """
    if size > limit:
        raise SourceError(
            f"{where} is {at_least}{size:,} bytes long; source.max_document_bytes is {limit:,}",
            "split it into several documents, or raise the limit",
        )
