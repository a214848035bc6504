"""A row of a table or a JSON line, turned into a document."""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from typing import Any

from stemma.corpus.records import Document, Part
from stemma.corpus.sources.settings import Columns
from stemma.errors import SourceError

_BLANK_LINE = "\n\n"


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
            SourceError: a column is missing or of the wrong type, or the text is too long.
        """
        self.require(row, where)
        text, parts = self._text(row, where)
        # The cheap bound first: a character takes at most four bytes.
        if 4 * len(text) > self.max_bytes:
            refuse_longer(len(text.encode("utf-8", "surrogatepass")), self.max_bytes, where)
        return Document(
            id=_label(row, self.columns.id, where) or f"{self.source}#{number}",
            text=text,
            source=self.source,
            license=self.license,
            group=_label(row, self.columns.group, where),
            label=_label(row, self.columns.label, where),
            parts=parts,
        )

    def _text(self, row: Mapping[str, Any], where: str) -> tuple[str, tuple[Part, ...]]:
        columns = self.columns
        if columns.messages is not None:
            parts = _messages(row[columns.messages], columns.messages, where)
            return _BLANK_LINE.join(part.text for part in parts), parts
        if columns.words is not None and columns.tags is not None:
            words = _strings(row[columns.words], columns.words, where)
            tags = _strings(row[columns.tags], columns.tags, where)
            if len(words) != len(tags):
                raise SourceError(
                    f"{where} has {len(words)} words in column {columns.words!r}, but "
                    f"{len(tags)} tags in column {columns.tags!r}",
                    "give each word one tag",
                )
            return " ".join(words), tuple(map(Part, tags, words))
        text = _string(row, columns.text, where)
        if columns.target is None:
            return text, ()
        target = _string(row, columns.target, where)
        return _BLANK_LINE.join((text, target)), (Part("source", text), Part("target", target))


def _string(row: Mapping[str, Any], column: str | None, where: str) -> str:
    assert column is not None, "Columns has checked it"
    if not isinstance(row[column], str):
        raise _wrong_type(column, row[column], "a string", where)
    return row[column]


def _strings(value: object, column: str, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise _wrong_type(column, value, "a list of strings, none of them empty", where)
    return value


def _messages(value: object, column: str, where: str) -> tuple[Part, ...]:
    if not isinstance(value, list) or not value:
        raise _wrong_type(column, value, "a list of messages", where)
    parts = []
    for number, message in enumerate(value, 1):
        fields = message if isinstance(message, Mapping) else {}
        role, content = fields.get("role"), fields.get("content")
        if not (isinstance(role, str) and role and isinstance(content, str)):
            raise SourceError(
                f"{where}: message {number} of column {column!r} is not "
                '{"role": "user", "content": "..."}, both of them strings',
                "mend the row, or set source.columns",
            )
        parts.append(Part(role, content))
    return tuple(parts)


def _label(row: Mapping[str, Any], column: str | None, where: str) -> str:
    if column is None:
        return ""
    value = row[column]
    if not isinstance(value, str | int) or value == "":
        raise _wrong_type(column, value, "a string or a whole number", where)
    return str(value)


def _wrong_type(column: str, value: object, expected: str, where: str) -> SourceError:
    found = "empty" if value in ("", []) else type(value).__name__
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
