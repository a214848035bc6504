"""A diff as GitHub's Markdown, for a pull request."""

from stemma.versions.diff.report import Report
from stemma.versions.diff.section import Block, Cell, Heatmap, Sides, Table, Text


def markdown(report: Report) -> str:
    """Return the page."""
    parts = [f"## {report.a} → {report.b}", _escaped(report.verdict)]
    for section in report.sections:
        parts += [f"### {section.name.capitalize()}", *map(_block, section.blocks)]
    for name, why in report.missing.items():
        parts += [f"### {name.capitalize()}", f"**missing:** {_escaped(why)}"]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return _escaped(text)
        case Table():
            rows = [[_text(cell) for cell in row] for row in block.rows]
            return _grid(block.title, list(block.columns), rows, block.right)
        case Heatmap():
            values = [["" if value is None else f"{value:.2g}" for value in row]
                      for row in block.values]  # fmt: skip
            rows = [[name, *row] for name, row in zip(block.rows, values, strict=True)]
            right = frozenset(range(1, len(block.columns) + 1))
            return _grid(f"{block.title} ({block.unit})", ["", *block.columns], rows, right)
        case Sides():
            texts = ["".join(cell.text for cell in side) for side in (block.left, block.right)]
            return _grid(block.title, list(block.names), [texts], frozenset())


def _grid(title: str, columns: list[str], rows: list[list[str]], right: frozenset[int]) -> str:
    lines = [f"**{_escaped(title)}**", ""] if title else []
    lines.append(_row(columns))
    lines.append(_row(["--:" if index in right else "---" for index in range(len(columns))]))
    return "\n".join([*lines, *(_row([_escaped(cell) for cell in row]) for row in rows)])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: str | Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _escaped(text: str) -> str:
    for character in "\\`*_{}[]<>#|~":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", "<br>")
