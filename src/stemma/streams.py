"""What users read, on any terminal: one that lacks a character gets another in its place."""

import codecs
import io
import sys

# What Stemma itself writes beyond ASCII; of users' texts each other character becomes "?".
_PLAIN = {
    **{"→": "->", "←": "<-", "−": "-", "…": "...", "×": "x", "≤": "<=", "≥": ">=", "‖": "||"},
    **{"·": "*", "√": "sqrt ", "∞": "inf", "•": "*", "█": "#", "\N{REPLACEMENT CHARACTER}": "?"},
    **dict.fromkeys("\N{FIGURE SPACE}\N{PUNCTUATION SPACE}", " "),
}
_HANDLER = "stemma.plain"
# A terminal obeys them: a file's name could clear the screen, or hide what stands before it.
_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\n\t"
}


def forgive() -> None:
    """Let no character stop what is printed, whatever the locale or PYTHONIOENCODING says."""
    codecs.register_error(_HANDLER, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def visible(text: str) -> str:
    """Return a text without characters that a terminal obeys, instead of showing them."""
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def say(text: str, err: bool = False) -> None:
    """Print a text as it is, on standard error if ``err``."""
    print(visible(text), file=sys.stderr if err else sys.stdout)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = "".join(_PLAIN.get(character, "?") for character in lacking)
    return plain, error.end
