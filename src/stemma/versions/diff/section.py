"""What a section of a diff says, once: for the terminal, Markdown, HTML and JSON alike."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

Tone = Literal["", "better", "worse", "added", "removed", "muted"]


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table, or a stretch of a text."""

    text: str
    tone: Tone = ""


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells; a plain string is a cell without a tone.

    Attributes:
        right: columns that stand at the right, by index: numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    right: frozenset[int] = frozenset()


@dataclasses.dataclass(frozen=True)
class Heatmap:
    """Numbers of two dimensions, shown by colour; None where there is none.

    Attributes:
        values: [rows][columns], not negative.
        unit: what they are, for the legend.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    unit: str


@dataclasses.dataclass(frozen=True)
class Sides:
    """Two texts side by side, in stretches; those that differ have a tone."""

    title: str
    names: tuple[str, str]
    left: tuple[Cell, ...]
    right: tuple[Cell, ...]


Block = Text | Table | Heatmap | Sides


def sentence(subject: str, clauses: Iterable[str]) -> str:
    """Return one sentence that says several things of a subject."""
    return f"{subject}: {'; '.join(clauses)}."


@dataclasses.dataclass(frozen=True)
class Section:
    """One kind of difference.

    Attributes:
        name: as ``--only`` takes it.
        words: sentences for the verdict, in plain words; the weightiest first.
        facts: what ``--json`` gives, nothing rounded.
        blocks: what people see.
    """

    name: str
    words: tuple[str, ...]
    facts: dict[str, Any]
    blocks: tuple[Block, ...]


def without(section: str, version: str, file: Path, what: str) -> Section:
    """Return the section on a file that only the other version has.

    Args:
        section: its name.
        version: name of the one that lacks the file.
        file: below the project's root.
        what: cannot be compared for that.
    """
    words = f"{version} has no {file}: there are no {what} to compare."
    return Section(section, (words,), {"without": version}, (Text(words),))
