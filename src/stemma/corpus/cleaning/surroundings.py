"""The text around a number, by which a reader knows what kind of number it is."""

import re
from collections.abc import Callable

_BEFORE, _AFTER = 48, 24  # characters to look at, on the same line


def around(match: re.Match[str]) -> tuple[str, str]:
    """Return the text before and after a match, on the same line and near it."""
    text, start, end = match.string, match.start(), match.end()
    before = text[max(0, start - _BEFORE) : start].rpartition("\n")[2]
    return before, text[end : end + _AFTER].partition("\n")[0]


def replace(
    pattern: re.Pattern[str], valid: Callable[[re.Match[str]], bool], text: str, mask: str
) -> tuple[str, int]:
    """Mask the matches that are valid; return the text and how many there were."""
    if not any(digit in text for digit in "0123456789"):
        return text, 0
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        if not valid(match):
            return match[0]
        count += 1
        return mask

    return pattern.sub(one, text), count
