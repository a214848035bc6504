"""What a section of a diff says, once: for the terminal, Markdown, HTML and JSON alike."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from stemma.versions.version import Version

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

    def shades(self) -> list[list[float]]:
        """Return how strong the colour of each value is, 0 to 1, [rows][columns]; 0 for None.

        The square root tells small changes apart that a single large one would hide.
        """
        largest = max((value or 0 for row in self.values for value in row), default=0) or 1
        return [[((value or 0) / largest) ** 0.5 for value in row] for row in self.values]


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


def without(
    section: str, versions: "tuple[Version, Version]", has: tuple[bool, bool], file: Path, what: str
) -> Section | None:
    """Return the section on a file that only one version has.

    Args:
        section: its name.
        versions: the two.
        has: which of them have the file; one at most.
        file: below the project's root.
        what: cannot be compared for that.

    Returns:
        None if neither has it, or if one is a model alone.
    """
    if not any(has) or not all(version.has_reports for version in versions):
        return None
    name = versions[has.index(False)].name
    words = f"{name} has no {file}: there are no {what} to compare."
    return Section(section, (words,), {"without": name}, (Text(words),))
