"""What a section of a diff says, once: for the terminal, Markdown, HTML and JSON alike."""

import dataclasses
import enum
import itertools
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemma.pages.numbers import brief, figure

if TYPE_CHECKING:
    from stemma.store.version import Version

Tone = Literal["", "better", "worse", "added", "removed", "muted"]
# A number, or an interval; what follows its whole part is to be as wide in each cell of a column.
_NUMBER = re.compile(
    r"(?:[+−]?[\d.,]+ to )?(?:[<>] )?[+−]?[\d,]*\d(?P<tail>(?:\.\d+)?(?:e[+−]\d+)? ?%?)"
)


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
        columns: each has a name; the first says of what its row is.
        right: columns that stand at the right, by index: numbers.
        whole: columns whose cells are not to be broken into lines, by index.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    right: frozenset[int] = frozenset()
    whole: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        assert all(self.columns), f"a column of '{self.title}' has no name"

    def cells(self) -> list[list[Cell]]:
        """Return the rows, the numbers of a column filled up so that their points align."""
        rows = [
            [Cell(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows
        ]
        for index in self.right:
            tails = [_tail(row[index].text) for row in rows]
            widest = max((len(tail) for tail in tails if tail is not None), default=0)
            for row, tail in zip(rows, tails, strict=True):
                if tail is not None:
                    filled = row[index].text + _blank(tail, widest)
                    row[index] = dataclasses.replace(row[index], text=filled)
        return rows


def _tail(text: str) -> str | None:
    found = _NUMBER.fullmatch(text)
    return found["tail"] if found else None


def _blank(tail: str, width: int) -> str:
    # A figure space is as wide as a digit, a punctuation space as a point.
    missing = width - len(tail)
    point = missing > 0 and "." not in tail
    return "\N{PUNCTUATION SPACE}" * point + "\N{FIGURE SPACE}" * (missing - point)


@dataclasses.dataclass(frozen=True)
class Heatmap:
    """Numbers of two dimensions, shown by colour; None where there is none.

    Attributes:
        values: [rows][columns], not negative; NaN where there is no number to be compared,
            infinite where there was nothing but zeros.
        unit: what they are, for the legend.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    unit: str

    @property
    def largest(self) -> float:
        """The largest finite value; 0 where there is none."""
        values = (value for row in self.values for value in row if value is not None)
        return max(filter(math.isfinite, values), default=0)

    def shades(self) -> list[list[float]]:
        """Return how strong the colour of each value is, 0 to 1, [rows][columns]; 0 for None.

        The square root tells small changes apart that a single large one would hide.
        """
        largest = self.largest or 1

        def shade(value: float | None) -> float:
            if value is None:
                return 0.0
            return (value / largest) ** 0.5 if math.isfinite(value) else 1.0

        return [[shade(value) for value in row] for row in self.values]

    def texts(self) -> list[list[str]]:
        """Return the values in words, [rows][columns]: NaN is no number, infinite is from zero."""
        return [["" if value is None else brief(value) for value in row] for row in self.values]

    def legend(self) -> list[tuple[float, float]]:
        """Return some shades with the values that they stand for, from none to the largest."""
        return [(step / 4, (step / 4) ** 2 * self.largest) for step in range(5)]


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How many changes are how large; those of nothing at all are not among them.

    Attributes:
        edges: of the bins, ascending; 0 is one of them.
        counts: a bin each.
        tones: of what stands in each bin.
        unit: of the edges.
        of: what is counted.
    """

    title: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    tones: tuple[Tone, ...]
    unit: str
    of: str

    def bins(self) -> list[tuple[tuple[str, str], int, Tone]]:
        """Return of each bin its ends in words, its count and its tone."""
        width = self.edges[1] - self.edges[0]
        digits = max(0, -math.floor(math.log10(width) + 1e-9))
        ends = [figure(edge, digits, "+" if edge else "") for edge in self.edges]
        return list(zip(itertools.pairwise(ends), self.counts, self.tones, strict=True))


@dataclasses.dataclass(frozen=True)
class Sides:
    """Two texts side by side, in stretches; those that differ have a tone."""

    title: str
    names: tuple[str, str]
    left: tuple[Cell, ...]
    right: tuple[Cell, ...]


Block = Text | Table | Heatmap | Histogram | Sides


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
        headline: whether it is better, for the beginning of the verdict.
    """

    name: str
    words: tuple[str | Cell, ...]
    facts: dict[str, Any]
    blocks: tuple[Block, ...]
    headline: tuple[Cell, ...] = ()


class Alike(enum.Enum):
    """Why there is no section."""

    EQUAL = "Equal"
    ABSENT = "Nothing to compare"


def without(
    section: str, versions: "tuple[Version, Version]", has: tuple[bool, bool], file: Path, what: str
) -> Section | Alike:
    """Return the section on a file that only one version has.

    Args:
        section: its name.
        versions: the two.
        has: which of them have the file; one at most.
        file: below the project's root.
        what: cannot be compared for that.

    Returns:
        ABSENT if neither has it, or if one is a model alone.
    """
    if not any(has) or not all(version.has_reports for version in versions):
        return Alike.ABSENT
    name = versions[has.index(False)].name
    words = f"{name} has no {file}: there are no {what} to compare."
    return Section(section, (words,), {"without": name}, (Text(words),))
