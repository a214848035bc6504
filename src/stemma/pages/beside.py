"""Two texts side by side, with the words that differ marked."""

import difflib
import re

from stemma.pages.blocks import Cell, SideBySide, Tone

# Words, stretches of spaces, and all else by character.
_PIECES = re.compile(r"\w+|\s+|.", re.S)
# Three empty lines and more, or more blanks than any indentation has.
_BLANK = re.compile(r"\n(?:[^\S\n]*\n){3,}|[^\S\n]{40,}")


def side_by_side(title: str, names: tuple[str, str], left: str, right: str) -> SideBySide:
    """Return two texts in stretches: words that only the left has are ``removed``, else ``added``.

    Args:
        title: what the two texts are.
        names: what each is called.
        left: the text before.
        right: the text after.
    """
    one, other = (_PIECES.findall(collapsed(text)) for text in (left, right))
    columns: tuple[list[Cell], list[Cell]] = [], []
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for tag, start, end, begin, stop in matcher.get_opcodes():
        texts = "".join(one[start:end]), "".join(other[begin:stop])
        # A single space that two changed stretches share would break them into pieces.
        same = tag == "equal" and not (texts[0].isspace() and start and end < len(one))
        _append(columns[0], texts[0], "" if same else "removed")
        _append(columns[1], texts[1], "" if same else "added")
    return SideBySide(title, names, tuple(columns[0]), tuple(columns[1]))


def collapsed(text: str) -> str:
    """Return a text in which a long stretch of white space is replaced by a note of its length."""
    return _BLANK.sub(_told, text)


def _told(found: re.Match[str]) -> str:
    lines = found[0].count("\n") - 1
    if lines > 0:
        return f"\n[… {lines:,} empty lines]\n"
    return f" [… {len(found[0]):,} blanks] "


def _append(cells: list[Cell], text: str, tone: Tone) -> None:
    if cells and cells[-1].tone == tone:
        cells[-1] = Cell(cells[-1].text + text, tone)
    elif text:
        cells.append(Cell(text, tone))
