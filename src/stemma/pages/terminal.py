"""A diff in a terminal."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table as Grid
from rich.text import Text as Words

from stemma.pages import printing
from stemma.pages.blocks import Block, Cell, Heatmap, Histogram, Sides, Table, Text, Tone
from stemma.pages.numbers import brief
from stemma.versions.verbs.diff import Report

STYLES: dict[Tone, str] = {
    "": "",
    "better": "green",
    "worse": "red",
    "added": "cyan",
    "removed": "yellow",
    "muted": "dim",
}
_BAR = 40  # characters of the longest


def show(report: Report) -> None:
    """Print the sections, and the verdict last, where the eye is."""
    console = printing.console()
    for name, signed in report.names:
        console.print(Words.assemble((name, "bold"), f"  {signed}" if signed else ""))
    for section in report.sections:
        console.rule(Words(section.name, "bold"), align="left", style="dim")
        for block in section.blocks:
            console.print(Padding(render(block), (0, 0, 1, 0)))
    for name, why in report.missing.items():
        console.rule(Words(name, "bold"), align="left", style="dim")
        console.print(f"missing: {why}\n", style="yellow")
    console.rule(Words("verdict", "bold"), align="left", style="dim")
    for cell in report.headline:
        console.print(Words(cell.text, f"bold {STYLES[cell.tone]}"))
    for cell in report.points:
        point = Grid.grid(padding=(0, 1, 0, 0))
        point.add_row("•", _cell(cell))
        console.print(point)
    if report.rest:
        console.print(Words(report.rest, STYLES["muted"]))


def render(block: Block) -> RenderableType:
    """Return a block as rich prints it."""
    match block:
        case Text(text):
            return Words(text)
        case Table():
            return _table(block)
        case Heatmap():
            return _heatmap(block)
        case Histogram():
            return _histogram(block)
        case Sides():
            return _sides(block)


def _table(table: Table) -> RenderableType:
    grid = _grid(table.title)
    grid.pad_edge = False
    for index, name in enumerate(table.columns):
        right = index in table.right
        grid.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in table.cells():
        grid.add_row(*map(_cell, row))
    return grid


def _grid(title: str) -> Grid:
    return Grid(title=title or None, title_justify="left", title_style="bold", box=None)


def _cell(cell: Cell) -> Words:
    return Words(cell.text, STYLES[cell.tone])


def _heatmap(heatmap: Heatmap) -> RenderableType:
    grid = _grid(heatmap.title)
    grid.add_column("layer")
    for name in heatmap.columns:
        grid.add_column(name, justify="right", overflow="fold")
    for name, *row in zip(heatmap.rows, heatmap.texts(), heatmap.shades(), strict=True):
        grid.add_row(name, *map(_shade, *row))
    legend = [_shade(brief(value), shade) for shade, value in heatmap.legend()]
    return Group(grid, Words.assemble(*legend, f" {heatmap.unit}"))


def _shade(text: str, share: float) -> Words:
    if not text:
        return Words("")
    red = round(255 - 60 * share), round(245 - 175 * share), round(235 - 190 * share)
    ink = "black" if share < 0.7 else "white"
    return Words(f" {text} ", Style(color=ink, bgcolor="rgb({},{},{})".format(*red)))


def _histogram(histogram: Histogram) -> RenderableType:
    grid = _grid(histogram.title)
    grid.add_column("from", justify="right")
    grid.add_column("to", justify="right")
    grid.add_column(histogram.of, justify="right")
    grid.add_column("")
    largest = max(histogram.counts)
    for (low, high), count, tone in histogram.bins():
        bar = Words("█" * -(-_BAR * count // largest), STYLES[tone])
        grid.add_row(low, high, f"{count:,}", bar)
    return grid


def _sides(sides: Sides) -> RenderableType:
    grid = _grid(sides.title)
    grid.padding = (0, 2, 0, 0)
    for name in sides.names:
        grid.add_column(name, ratio=1, overflow="fold")
    grid.expand = True
    grid.add_row(*(Words.assemble(*map(_cell, side)) for side in (sides.left, sides.right)))
    return grid
