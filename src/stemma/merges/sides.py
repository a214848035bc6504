"""The dvc.lock of the three versions of a merge, of which Git shows a driver one file at a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK


def parse(raw: bytes, side: str) -> Mapping[str, Any]:
    """Return what the bytes of a dvc.lock hold; {} if there are none.

    Raises:
        ProjectError: they are torn.
    """
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml

    try:
        found = parse_yaml(raw.decode(), LOCK) or {}
        stages = found.get("stages") or {}
        for entry in stages.values():
            for one in (*entry.get("deps", ()), *entry.get("outs", ())):
                _ = one["path"]
    except (YAMLFileCorruptedError, AttributeError, TypeError, KeyError, UnicodeError) as error:
        told = " ".join(str(error).split())
        raise ProjectError(
            f"{LOCK} of {side} cannot be read: {told}", "Git's own merge is left"
        ) from error
    return found


def dumped(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a dvc.lock, as DVC writes it."""
    from dvc.utils.serialize import dumps_yaml

    return dumps_yaml(dict(content)).encode()


def locks_around(
    path: str, base: bytes, theirs: bytes, root: Path
) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the dvc.lock of base, ours and theirs, found by another file that each has.

    A merge, a rebase and a cherry-pick tell a driver in different ways what is merged, or not at
    all. The bytes of the file are told always, and their commit has the dvc.lock to them.

    Args:
        path: of the file, from the project's root.
        base: its bytes in the version before both.
        theirs: its bytes in theirs.
        root: the project.

    Returns:
        None if no commit with these bytes is found.
    """
    found = [_commit_with(path, base, root), "HEAD", _commit_with(path, theirs, root)]
    if None in found:
        return None
    raw = [git.content(commit or "", LOCK, root) or b"" for commit in found]
    sides = zip(raw, ("the common ancestor", "ours", "theirs"), strict=True)
    before, ours, others = (parse(content, side) for content, side in sides)
    return before, ours, others


def _commit_with(path: str, content: bytes, root: Path) -> str | None:
    blob = git.hash_of(content, root)
    prefix = git.run(["rev-parse", "--show-prefix"], root).strip()
    place = f":/{prefix}{path}"
    # A commit that took it away changes it too.
    words = ["log", "--all", "--format=%H", f"--find-object={blob}", "--", place]
    commits = git.run(words, root).split()
    return next((one for one in commits if git.content(one, path, root) == content), None)
