"""A diff as GitHub's Markdown, for a pull request."""

from stemma.pages.blocks import Block, Heatmap, Histogram, Sides, Table, Text
from stemma.versions.verbs.diff import Report


def markdown(report: Report) -> str:
    """Return the page."""
    signed = [f"{name}: {facts}" for name, facts in report.names if facts]
    parts = [f"## {_escaped(report.a)} → {_escaped(report.b)}"]
    parts += ["\n".join(f"- {_escaped(line)}" for line in signed)] if signed else []
    parts += [f"**{_escaped(cell.text)}**" for cell in report.headline]
    if report.points:
        parts.append("\n".join(f"- {_escaped(cell.text)}" for cell in report.points))
    if report.rest:
        parts.append(_escaped(report.rest))
    for section in report.sections:
        parts += [f"### {section.name.capitalize()}", *map(_block, section.blocks)]
    for name, why in report.missing.items():
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
        case Sides():
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
