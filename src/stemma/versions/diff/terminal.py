"""A diff in a terminal."""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table as Grid
from rich.text import Text as Words

from stemma.versions.diff.report import Report
from stemma.versions.diff.section import Block, Cell, Heatmap, Sides, Table, Text, Tone

STYLES: dict[Tone, str] = {
    "": "",
    "better": "green",
    "worse": "red",
    "added": "green",
    "removed": "red",
    "muted": "dim",
}


def show(report: Report) -> None:
    """Print the sections, and the verdict last, where the eye is."""
    console = Console(highlight=False)
    for section in report.sections:
        console.rule(f"[bold]{section.name}", align="left", style="dim")
        for block in section.blocks:
            console.print(Padding(render(block), (0, 0, 1, 0)))
    for name, why in report.missing.items():
        console.rule(f"[bold]{name}", align="left", style="dim")
        console.print(f"missing: {why}\n", style="yellow", markup=False)
    console.rule("[bold]verdict", align="left", style="dim")
    console.print(report.verdict, markup=False)


def render(block: Block) -> RenderableType:
    """Return a block as rich prints it."""
    match block:
        case Text(text):
            return Words(text)
        case Table():
            return _table(block)
        case Heatmap():
            return _heatmap(block)
        case Sides():
            return _sides(block)


def _table(table: Table) -> RenderableType:
    grid = Grid(title=table.title or None, title_justify="left", title_style="bold", box=None)
    grid.pad_edge = False
    for index, name in enumerate(table.columns):
        right = index in table.right
        grid.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in table.rows:
        grid.add_row(*map(_cell, row))
    return grid


def _cell(cell: str | Cell) -> Words:
    return Words(cell) if isinstance(cell, str) else Words(cell.text, STYLES[cell.tone])


def _heatmap(heatmap: Heatmap) -> RenderableType:
    grid = Grid(title=heatmap.title, title_justify="left", title_style="bold", box=None)
    grid.add_column("")
    for name in heatmap.columns:
        grid.add_column(name, justify="right", overflow="fold")
    for name, *row in zip(heatmap.rows, heatmap.values, heatmap.shades(), strict=True):
        grid.add_row(name, *map(_shade, *row))
    return Group(grid, Words(heatmap.unit, "dim"))


def _shade(value: float | None, share: float) -> Words:
    if value is None:
        return Words("")
    red = round(255 - 60 * share), round(245 - 175 * share), round(235 - 190 * share)
    ink = "black" if share < 0.7 else "white"
    return Words(f" {value:.2g} ", Style(color=ink, bgcolor="rgb({},{},{})".format(*red)))


def _sides(sides: Sides) -> RenderableType:
    grid = Grid(title=sides.title, title_justify="left", title_style="bold", padding=(0, 2, 0, 0))
    grid.box = None
    for name in sides.names:
        grid.add_column(name, ratio=1, overflow="fold")
    grid.expand = True
    grid.add_row(*(Words.assemble(*map(_cell, side)) for side in (sides.left, sides.right)))
    return grid
