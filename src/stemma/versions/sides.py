"""Two texts side by side, with the words that differ marked."""

import difflib
import re

from stemma.versions.diff.section import Cell, Sides, Tone

# Words, stretches of spaces, and all else by character.
_PIECES = re.compile(r"\w+|\s+|.", re.S)


def side_by_side(title: str, names: tuple[str, str], left: str, right: str) -> Sides:
    """Return two texts in stretches; words of the first that the second lacks are ``removed``."""
    one, other = _PIECES.findall(left), _PIECES.findall(right)
    columns: tuple[list[Cell], list[Cell]] = [], []
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for tag, start, end, begin, stop in matcher.get_opcodes():
        texts = "".join(one[start:end]), "".join(other[begin:stop])
        # A space that two changed stretches happen to share would tear them apart.
        same = tag == "equal" and not (texts[0].isspace() and start and end < len(one))
        _append(columns[0], texts[0], "" if same else "removed")
        _append(columns[1], texts[1], "" if same else "added")
    return Sides(title, names, tuple(columns[0]), tuple(columns[1]))


def _append(cells: list[Cell], text: str, tone: Tone) -> None:
    if cells and cells[-1].tone == tone:
        cells[-1] = Cell(cells[-1].text + text, tone)
    elif text:
        cells.append(Cell(text, tone))
