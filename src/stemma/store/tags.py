"""Tags of Git: what they point to, when and by whom they were written, and their message."""

import dataclasses
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stemma.store import git
from stemma.store.errors import ProjectError

_PREFIX = "refs/tags/"
_FIELDS = (
    "refname", "objecttype", "objectname", "*objectname", "*objecttype", "creatordate:unix",
    "taggername", "contents",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Tag:
    """A tag on a commit.

    Attributes:
        name: without ``refs/tags/``.
        commit: the hash of the commit.
        time: seconds since 1970; of a lightweight tag, when its commit was made.
        by: who wrote it; empty for a lightweight tag.
        message: its message; None for a lightweight tag.
    """

    name: str
    commit: str
    time: int
    by: str
    message: str | None


def read(root: Path = Path()) -> list[Tag]:
    """Return the tags on commits, by name."""
    form = "%00".join(f"%({field})" for field in _FIELDS) + "%00%00"
    words = ["for-each-ref", f"--format={form}", _PREFIX.rstrip("/")]
    found = []
    for line in git.run(words, root).split("\0\0\n"):
        if not line.strip("\0\n"):
            continue
        ref, kind, own, peeled, peeled_kind, time, by, message = line.split("\0", 7)
        if (peeled_kind or kind) != "commit":
            continue
        is_annotated = kind == "tag"
        found.append(
            Tag(
                ref.removeprefix(_PREFIX),
                peeled or own,
                int(time or 0),
                by,
                message.rstrip("\0") if is_annotated else None,
            )
        )
    return found


def write(name: str, commit: str, message: str, time: int, root: Path = Path()) -> None:
    """Write an annotated tag, dated as is said.

    Raises:
        ProjectError: there is one of this name, or Git does not know the user.
    """
    words = ["-C", str(root), "tag", "--annotate", "--cleanup=verbatim", "--file=-", name, commit]
    dated = os.environ | {"GIT_COMMITTER_DATE": f"@{time} +0000", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *words], input=message, capture_output=True, check=False, env=dated,
        encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise git.refusal("tag", done.stderr, root)


def delete(names: Sequence[str], root: Path = Path()) -> None:
    """Delete tags of this clone."""
    git.run(["tag", "--delete", *names], root)


def fetch(remote: str, root: Path = Path()) -> None:
    """Fetch the tags of a remote; one that differs here is refused by Git.

    Raises:
        ProjectError: the remote does not answer, or has another tag of the same name.
    """
    git.run(["fetch", "--quiet", "--tags", remote], root)


def push(names: Sequence[str], remote: str, root: Path = Path()) -> None:
    """Push tags, all or none.

    Raises:
        ProjectError: the remote refuses one, or does not answer.
    """
    refs = [f"{_PREFIX}{name}" for name in names]
    git.run(["push", "--quiet", "--atomic", remote, *refs], root)


def remote_of(root: Path = Path()) -> str | None:
    """Return the remote that is asked for tags: that of the branch, or the only one, or origin."""
    remotes = git.run(["remote"], root).split()
    branch = git.run(["branch", "--show-current"], root).strip()
    if branch:
        try:
            configured = git.run(["config", f"branch.{branch}.remote"], root).strip()
        except ProjectError:
            configured = ""
        if configured in remotes:
            return configured
    if len(remotes) == 1:
        return remotes[0]
    return "origin" if "origin" in remotes else None
