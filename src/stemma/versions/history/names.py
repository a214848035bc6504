"""The names of each version: the tags, branches and experiments that point to it."""

from collections.abc import Sequence
from pathlib import Path

from stemma.store import git
from stemma.store.lock import LOCK
from stemma.store.refs import names
from stemma.versions.history.records import Record


def names_of(found: Sequence[Record], root: Path) -> dict[str, list[str]]:
    """Return the names of each version by its commit.

    A ref that points to a later commit with the same dvc.lock names the version too. Tags come
    before branches, and experiments last.

    Args:
        found: versions, newest first.
        root: the project's root.
    """
    # The newest version of a lock is the one that a later commit left as it was.
    by_key = {record.key: record.commit for record in reversed(found)}
    versions = {record.commit for record in found}
    listed = names(root)
    asked = "".join(f"{tip}:./{LOCK}\n" for _, tip in listed)
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    refs: dict[str, list[str]] = {}
    for (name, tip), key in zip(listed, told, strict=True):
        if commit := tip if tip in versions else by_key.get(key):
            refs.setdefault(commit, []).append(name)
    return refs
