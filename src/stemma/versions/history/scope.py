"""Which versions a user means: revisions and ranges as `git log` takes them, and a path."""

import re
from collections.abc import Sequence
from pathlib import Path

from stemma.errors import ProjectError
from stemma.store import git
from stemma.store.references import is_experiment


def parse(
    words: Sequence[str], everything: bool, experiments: bool, root: Path = Path()
) -> tuple[list[str], str | None]:
    """Return the revisions for ``git log``, and the last word if it is a path and no revision.

    Args:
        words: revisions, ranges and names of experiments; the last may be a path.
        everything: add all branches and tags.
        experiments: add HEAD and all experiments of DVC.
        root: the project's root.

    Raises:
        ProjectError: a word that is not the last names no revision.
    """
    scope, path = [_range(word, root) for word in words], None
    if scope and not scope[-1]:
        scope.pop()
        path = words[-1]
    if not all(scope):
        wrong = words[scope.index("")]
        raise ProjectError(f"'{wrong}' is no revision", "see `git log --oneline --all`")
    if everything:
        scope += ["--branches", "--tags", "--remotes"]
    if experiments:
        listed = git.run(["for-each-ref", "--format=%(refname)", "refs/exps/*/*/*"], root)
        scope += ["HEAD", *(ref for ref in listed.split() if is_experiment(ref))]
    return scope, path


def tips(scope: Sequence[str], root: Path) -> list[str] | None:
    """Return the newer ends of the ranges in a scope; None where nothing is excluded from it."""
    ends = git.run(["rev-parse", "--revs-only", *scope], root).split()
    newer = [end for end in ends if not end.startswith("^")]
    return newer if len(newer) < len(ends) else None


def _range(word: str, root: Path) -> str:
    """Return a revision or range, with experiments as their refs; empty if the word is none."""
    parts = re.split(r"(^\^|\.{2,3})", word)
    for index in range(0, len(parts), 2):
        if parts[index] and not git.find(parts[index], root):
            parts[index] = git.experiment(parts[index], root)
            if not parts[index]:
                return ""
    return "".join(parts) if any(parts[::2]) else ""
