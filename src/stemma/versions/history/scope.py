"""How far a scope reaches: the newer ends of the ranges in it."""

from collections.abc import Sequence
from pathlib import Path

from stemma.store import git


def tips(scope: Sequence[str], root: Path) -> list[str] | None:
    """Return the newer ends of the ranges in a scope; None where nothing is excluded from it."""
    ends = git.run(["rev-parse", "--revs-only", *scope], root).split()
    newer = [end for end in ends if not end.startswith("^")]
    return newer if len(newer) < len(ends) else None
