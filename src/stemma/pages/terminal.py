"""A page in a terminal."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table as Grid
from rich.text import Text as Words

from stemma.pages import printing
from stemma.pages.blocks import (
    Bars,
    Block,
    Cell,
    Heatmap,
    Histogram,
    Intervals,
    SideBySide,
    Table,
    Text,
)
from stemma.pages.colours import TERMINAL, UNKNOWN, heat
from stemma.pages.numbers import brief
from stemma.pages.page import ComparisonPage

_BAR = 40  # characters of the longest


def show(page: ComparisonPage) -> None:
    """Print a page: the sections first, and the verdict last, where the eye is."""
    console = printing.console()
    for name, line in page.subjects:
        console.print(Words.assemble((name, "bold"), f"  {line}" if line else ""))
    for name, blocks in page.sections.items():
        console.rule(Words(name, "bold"), align="left", style="quiet")
        for block in blocks:
            console.print(Padding(render(block), (0, 0, 1, 0)))
    for name, why in page.missing.items():
        console.rule(Words(name, "bold"), align="left", style="quiet")
        console.print(f"missing: {why}\n", style=UNKNOWN)
    console.rule(Words("verdict", "bold"), align="left", style="quiet")
    for cell in page.headline:
        console.print(Words(cell.text, f"bold {TERMINAL[cell.tone]}"))
    for cell in page.points:
        point = Grid.grid(padding=(0, 1, 0, 0))
        point.add_row("•", _cell(cell))
        console.print(point)
    if page.remark:
        console.print(Words(page.remark, TERMINAL["muted"]))


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
        case Bars():
            return _bars(block)
        case Intervals():
            return _intervals(block)
        case SideBySide():
            return _side_by_side(block)


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
    return Words(cell.text, TERMINAL[cell.tone])


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
    ink, ground = heat(share)
    return Words(f" {text} ", Style(color=ink, bgcolor=ground))


def _histogram(histogram: Histogram) -> RenderableType:
    grid = _grid(histogram.title)
    grid.add_column("from", justify="right")
    grid.add_column("to", justify="right")
    grid.add_column(histogram.of, justify="right")
    grid.add_column("")
    largest = max(histogram.counts)
    for (low, high), count, tone in histogram.bins():
        bar = Words("█" * -(-_BAR * count // largest), TERMINAL[tone])
        grid.add_row(low, high, f"{count:,}", bar)
    return grid


def _bars(bars: Bars) -> RenderableType:
    grid = _grid(f"{bars.title}, {bars.unit}")
    grid.add_column("from")
    for name, _, _ in bars.series:
        grid.add_column(name, justify="right")
    for place, time in enumerate(bars.times):
        heights = (values[place] for _, _, values in bars.series)
        grid.add_row(time, *("" if one is None else brief(one) for one in heights))
    return grid


def _intervals(block: Intervals) -> RenderableType:
    grid = _grid(f"{block.title}, {block.unit}")
    grid.add_column("")
    grid.add_column("", justify="right")
    for name, *_, tone, text in block.placed():
        grid.add_row(name, Words(text, TERMINAL[tone]))
    return grid


def _side_by_side(texts: SideBySide) -> RenderableType:
    grid = _grid(texts.title)
    grid.padding = (0, 2, 0, 0)
    for name in texts.names:
        grid.add_column(name, ratio=1, overflow="fold")
    grid.expand = True
    grid.add_row(*(Words.assemble(*map(_cell, side)) for side in (texts.left, texts.right)))
    return grid
