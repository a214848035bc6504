"""A row of a table or a JSON line, turned into a document."""

import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from stemma.corpus.documents import Document, Part
from stemma.corpus.sources.messages import BESIDE, Dialogue
from stemma.corpus.sources.preferring import Preferring
from stemma.corpus.sources.settings import Columns
from stemma.errors import SourceError

_BLANK_LINE = "\n\n"
_MEND = "mend the row, or set source.columns"
_OF_PREFERENCES = ("prompt", "chosen", "rejected", "completion", "desirable")


@dataclasses.dataclass(frozen=True)
class RowReader:
    """Makes documents of rows that have the same columns.

    Attributes:
        columns: which column holds what.
        source: name of the part.
        license: licence of the part.
        max_bytes: longest text, in UTF-8 bytes.
        ignored: keys of messages, and columns beside them, that may be passed over.
    """

    columns: Columns
    source: str
    license: str
    max_bytes: int
    ignored: Collection[str] = ()

    @functools.cached_property
    def keys(self) -> dict[str, str]:
        """The columns that are read, and the key of `Columns` that names each."""
        named = dataclasses.asdict(self.columns).items()
        return {
            column: key
            for key, column in named
            if column is not None and key not in _OF_PREFERENCES
        }

    @functools.cached_property
    def preferring(self) -> Preferring:
        """Reads the rows that are preferences."""
        return Preferring(self.columns, self.ignored)

    def wanted(self, available: Sequence[str], where: str) -> list[str]:
        """Return the columns of a table that have to be read.

        Raises:
            SourceError: as ``require``.
        """
        preferring = self.preferring.named().values()
        if there := [column for column in preferring if column in available]:
            # Its rows may be of both kinds.
            known = {*self.keys, *there, *BESIDE}
            return [column for column in available if column in known]
        self.require(available, where)
        beside = BESIDE if self.columns.messages else ()
        return [*self.keys, *(name for name in beside if name in {*available} - {*self.keys})]

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
        preferring = self.preferring.concerns(row)
        if preferring:
            parts = self.preferring.parts(row, where)
            text = _BLANK_LINE.join(part.text for part in parts)
        else:
            self.require(row, where)
            text, parts = self._text(row, where)
        # The cheap bound first: a character takes at most four bytes.
        if 4 * len(text) > self.max_bytes:
            refuse_longer(len(text.encode("utf-8", "surrogatepass")), self.max_bytes, where)
        return Document(
            id=_label(row, self._id_column(row, preferring), where) or f"{self.source}#{number}",
            text=text,
            source=self.source,
            license=self.license,
            group="" if preferring else _label(row, self.columns.group, where),
            label="" if preferring else _label(row, self.columns.label, where),
            parts=parts,
        )

    def _id_column(self, row: Mapping[str, Any], preferring: bool) -> str | None:
        # A preference may lack what every other row has.
        column = self.columns.id
        return None if preferring and column is not None and row.get(column) is None else column

    def _text(self, row: Mapping[str, Any], where: str) -> tuple[str, tuple[Part, ...]]:
        columns = self.columns
        if columns.messages is not None:
            messages = _list(row[columns.messages], columns.messages, "messages", where)
            if not messages:
                raise _wrong_type(columns.messages, messages, "a list of messages", where)
            dialogue = Dialogue(columns.messages, where, self.ignored)
            dialogue.check_beside(row, self.keys)
            parts = dialogue.parts(messages)
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


def _list(value: object, column: str, of: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong_type(column, value, f"a list of {of}", where)
    return value


def _strings(value: object, column: str, where: str) -> list[str]:
    values = _list(value, column, "strings", where)
    for number, one in enumerate(values, 1):
        if isinstance(one, str) and one:
            continue
        here = f"{where}: element {number} of column {column!r} is"
        if isinstance(one, int):
            raise SourceError(
                f"{here} {type(one).__name__} {one}, not a string",
                f"write the name that {one} stands for",
            )
        raise SourceError(f"{here} {_kind(one)}, not a string", _MEND)
    return values


def _label(row: Mapping[str, Any], column: str | None, where: str) -> str:
    if column is None:
        return ""
    value = row[column]
    if not isinstance(value, str | int) or value == "":
        raise _wrong_type(column, value, "a string or a whole number", where)
    return str(value)


def _wrong_type(column: str, value: object, expected: str, where: str) -> SourceError:
    return SourceError(f"{where}: column {column!r} is {_kind(value)}, not {expected}", _MEND)


def _kind(value: object) -> str:
    return "empty" if value in ("", []) else type(value).__name__


def refuse_longer(size: int, limit: int, where: str, at_least: str = "") -> None:
    """Refuse a document that is longer than the settings allow.

    Raises:
        SourceError: ``size`` bytes are more than ``limit``.
    """
    if size > limit:
        raise SourceError(
            f"{where} is {at_least}{size:,} bytes long; source.max_document_bytes is {limit:,}",
            "split it into several documents, or raise the limit",
        )
