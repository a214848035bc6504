"""What a page is made of: paragraphs, tables, plots and texts side by side.

The terminal, Markdown and HTML each draw these blocks.
"""

import dataclasses
import itertools
import math
import re
from typing import Literal

from stemma.pages.numbers import brief, interval, written

Tone = Literal["", "better", "worse", "added", "removed", "muted"]
# A number or an interval. What follows the whole part is made equally wide in a column.
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
        columns: the name of each; the first column says what its row is about.
        right: indices of the columns that are aligned right: numbers.
        whole: indices of the columns whose cells must not be broken into lines.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    right: frozenset[int] = frozenset()
    whole: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        assert all(self.columns), f"a column of '{self.title}' has no name"

    def cells(self) -> list[list[Cell]]:
        """Return the rows, with numbers padded so that their decimal points align."""
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
    """A table of numbers that are shown by colour.

    Attributes:
        values: [rows][columns], not negative; None where there is no such cell, NaN where there is
            no number to compare, infinite where there was nothing but zeros before.
        unit: what the numbers are, for the legend.
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
        """Return the strength of the colour of each value, 0 to 1, [rows][columns]; 0 for None.

        It grows with the square root, so that one large change does not hide the small ones.
        """
        largest = self.largest or 1

        def shade(value: float | None) -> float:
            if value is None:
                return 0.0
            return (value / largest) ** 0.5 if math.isfinite(value) else 1.0

        return [[shade(value) for value in row] for row in self.values]

    def texts(self) -> list[list[str]]:
        """Return the values as they are written, [rows][columns]."""
        return [["" if value is None else brief(value) for value in row] for row in self.values]

    def legend(self) -> list[tuple[float, float]]:
        """Return five shades, from none to the strongest, each with the value it stands for."""
        return [(step / 4, (step / 4) ** 2 * self.largest) for step in range(5)]


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How many changes are how large; what did not change at all is left out.

    Attributes:
        edges: the limits of the bins, ascending, one more than there are bins; 0 is one of them.
        counts: how many changes fall into each bin.
        tones: the tone of each bin.
        unit: the unit of the edges.
        of: what is counted, in the plural.
    """

    title: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    tones: tuple[Tone, ...]
    unit: str
    of: str

    def bins(self) -> list[tuple[tuple[str, str], int, Tone]]:
        """Return the ends of each bin as they are written, its count and its tone."""
        width = self.edges[1] - self.edges[0]
        digits = max(0, -math.floor(math.log10(width) + 1e-9))
        ends = [written(edge, digits, "+" if edge else "") for edge in self.edges]
        return list(zip(itertools.pairwise(ends), self.counts, self.tones, strict=True))


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """Two texts beside each other, in stretches; those that differ have a tone."""

    title: str
    names: tuple[str, str]
    left: tuple[Cell, ...]
    right: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True)
class Bars:
    """What came when, as bars, one on the other where there are several for a time.

    Attributes:
        times: when each bar begins, as it is written.
        series: name, tone and heights of each; None where there is none to tell.
        unit: of the heights.
    """

    title: str
    times: tuple[str, ...]
    series: tuple[tuple[str, Tone, tuple[float | None, ...]], ...]
    unit: str

    @property
    def largest(self) -> float:
        """The greatest height of a time; 1 where there is none."""
        heights = zip(*(values for _, _, values in self.series), strict=True)
        return max((sum(one or 0 for one in told) for told in heights), default=0) or 1

    def stacked(self) -> list[tuple[int, Tone, float, float]]:
        """Return the bars: place, tone, lower and upper end as shares of the largest."""
        found = []
        for place in range(len(self.times)):
            low = 0.0
            for _, tone, values in self.series:
                high = low + (values[place] or 0) / self.largest
                if high > low:
                    found.append((place, tone, low, high))
                low = high
        return found


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Intervals under one another, on one axis on which 0 is none and ±1 matters.

    Attributes:
        rows: name, low end, middle, high end and tone of each.
        unit: of the axis.
    """

    title: str
    rows: tuple[tuple[str, float, float, float, Tone], ...]
    unit: str

    LIMIT = 4.0
    """Where the axis ends; what lies beyond is drawn there."""

    def placed(self) -> list[tuple[str, float, float, float, Tone, str]]:
        """Return the rows with their places on the axis, from 0 to 1, and how they are written."""

        def place(value: float) -> float:
            return (min(max(value, -self.LIMIT), self.LIMIT) + self.LIMIT) / (2 * self.LIMIT)

        return [
            (name, place(low), place(middle), place(high), tone,
             f"{written(middle, 2, '+')} ({interval(low, high, 2, '+')})")
            for name, low, middle, high, tone in self.rows
        ]  # fmt: skip


Block = Text | Table | Heatmap | Histogram | Bars | Intervals | SideBySide
