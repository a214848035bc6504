"""Unicode for training: one spelling per character, one line end, nothing invisible."""

import re
import unicodedata

# Form feeds and vertical tabs, NEL, LINE and PARAGRAPH SEPARATOR end a line.
_LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
# Control characters but tab and line feed; soft hyphen, zero-width space, word joiner, byte order
# mark. The zero-width joiners stay: Persian, Indic scripts and emoji are spelled with them.
_INVISIBLE = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff]")


def normalise(text: str) -> str:
    """Return the text in NFC, with LF line ends and without invisible characters.

    Nothing else changes: case, spaces, quotes and blank lines are the author's.
    """
    if text.isascii() and text.isprintable():
        return text
    # Composition comes last: a removed character may have stood between a letter and its accent.
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))
