"""What an unfinished merge leaves behind in a file, and the one line that says so."""

import re

from stemma.errors import StemmaError

_MARK = re.compile(rb"^(?:<{7}|\|{7}|>{7})(?: |\r?$)", re.MULTILINE)


def has_marks(content: bytes | str) -> bool:
    """Say whether a file has a line with which Git sets off the sides of a conflict."""
    raw = content.encode() if isinstance(content, str) else content
    return _MARK.search(raw) is not None


def check(content: bytes | str, path: str, kind: type[StemmaError], other: str = "") -> None:
    """Refuse a file of the working tree in which a merge is not finished.

    Args:
        content: of the file.
        path: of it, from the project's root.
        kind: what to raise.
        other: a further remedy, as the end of a sentence.

    Raises:
        StemmaError: as ``kind`` says.
    """
    if has_marks(content):
        raise unfinished(path, kind, other)


def unfinished(path: str, kind: type[StemmaError], other: str = "") -> StemmaError:
    """Return the error for a file of the working tree in which a merge is not finished."""
    return kind(
        f"{path} has the marks of an unfinished merge",
        f"edit it, or take a side (`git checkout --ours {path}`, or --theirs), `git add {path}`, "
        f"then `dvc repro`{other}",
    )
