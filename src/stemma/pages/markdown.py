"""A page as GitHub's Markdown, for a pull request."""

from stemma.pages.blocks import (
    Bars,
    Block,
    Heatmap,
    Histogram,
    Intervals,
    SideBySide,
    Table,
    Text,
)
from stemma.pages.numbers import brief
from stemma.pages.page import ComparisonPage


def markdown(page: ComparisonPage) -> str:
    """Return a page as Markdown."""
    told = [f"{name}: {line}" for name, line in page.subjects if line]
    parts = [f"## {_escaped(page.title)}"]
    parts += ["\n".join(f"- {_escaped(line)}" for line in told)] if told else []
    parts += [f"**{_escaped(cell.text)}**" for cell in page.headline]
    if page.points:
        parts.append("\n".join(f"- {_escaped(cell.text)}" for cell in page.points))
    if page.remark:
        parts.append(_escaped(page.remark))
    for name, blocks in page.sections.items():
        parts += [f"### {name.capitalize()}", *map(_block, blocks)]
    for name, why in page.missing.items():
        parts += [f"### {name.capitalize()}", f"**missing:** {_escaped(why)}"]
    return "\n\n".join(parts)


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return _escaped(text)
        case Table():
            rows = [[cell.text for cell in row] for row in block.cells()]
            return _grid(block.title, list(block.columns), rows, block.right)
        case Heatmap():
            rows = [[name, *row] for name, row in zip(block.rows, block.texts(), strict=True)]
            right = frozenset(range(1, len(block.columns) + 1))
            return _grid(f"{block.title} ({block.unit})", ["layer", *block.columns], rows, right)
        case Histogram():
            rows = [[*ends, f"{count:,}"] for ends, count, _ in block.bins()]
            return _grid(block.title, ["from", "to", block.of], rows, frozenset(range(3)))
        case Bars():
            names = [name for name, _, _ in block.series]
            heights = zip(*(values for _, _, values in block.series), strict=True)
            rows = [
                [time, *("" if one is None else brief(one) for one in told)]
                for time, told in zip(block.times, heights, strict=True)
            ]
            right = frozenset(range(1, len(names) + 1))
            return _grid(f"{block.title} ({block.unit})", ["from", *names], rows, right)
        case Intervals():
            rows = [[name, text] for name, *_, text in block.placed()]
            return _grid(block.title, ["", block.unit], rows, frozenset({1}))
        case SideBySide():
            texts = ["".join(cell.text for cell in side) for side in (block.left, block.right)]
            return _grid(block.title, list(block.names), [texts], frozenset())


def _grid(title: str, columns: list[str], rows: list[list[str]], right: frozenset[int]) -> str:
    lines = [f"**{_escaped(title)}**", ""] if title else []
    lines.append(_row(columns))
    lines.append(f"| {' | '.join('--:' if i in right else '---' for i in range(len(columns)))} |")
    return "\n".join([*lines, *map(_row, rows)])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    for character in "\\`*_{}[]<>#|~&$":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", "<br>")
