"""Pointers of Git LFS: a few lines that stand where a large file is to come."""

import re
from pathlib import Path

from stemma.errors import StemmaError

# Its first line in every version of the format; "hawser" is what the project was once called.
_POINTER = re.compile(rb"version https?://(git-lfs|hawser)\.github\.com/spec/")
_LONGEST = 64
_PULL = "type `git lfs pull`"


def refuse(start: bytes, name: str, kind: type[StemmaError], hint: str = _PULL) -> None:
    """Refuse content that is a pointer.

    Args:
        start: the first bytes of a file.
        name: what it is called in the message.
        kind: the error to raise.
        hint: what to do.

    Raises:
        StemmaError: of this kind; it is a pointer.
    """
    if _POINTER.match(start):
        raise kind(f"{name} is a Git LFS pointer, not the file itself", hint)


def refuse_file(path: Path, kind: type[StemmaError], name: str | None = None) -> None:
    """Refuse a file that is a pointer.

    Args:
        path: where it is.
        kind: the error to raise.
        name: what it is called in the message; by default its path.

    Raises:
        StemmaError: of this kind; it is a pointer.
        OSError: it cannot be read.
    """
    with path.open("rb") as handle:
        refuse(handle.read(_LONGEST), name or str(path), kind)
