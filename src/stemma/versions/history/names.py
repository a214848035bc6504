"""The names of each version: tags, branches and experiments, and the stages on which it stands."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from stemma.store import pipelines
from stemma.store.refs import names
from stemma.store.registry import Registry
from stemma.versions.history.records import Record


def names_of(found: Sequence[Record], root: Path) -> dict[str, list[str]]:
    """Return the names of each version by its commit.

    A ref that points to a later commit with the same dvc.lock names the version too. Tags come
    before branches, and experiments last.

    Args:
        found: versions, newest first.
        root: the project's root.
    """
    return _placed(names(root), found, root)


def stages_of(found: Sequence[Record], root: Path) -> dict[str, list[str]]:
    """Return the stages on which each version stands, such as ``#prod``, by its commit.

    Args:
        found: versions, newest first.
        root: the project's root.
    """
    standing = Registry(root).standing()
    named = [(stage, commit) for commit, stages in standing.items() for stage in stages]
    return _placed(named, found, root)


def _placed(
    listed: Iterable[tuple[str, str]], found: Sequence[Record], root: Path
) -> dict[str, list[str]]:
    """Return the names on each version, of names on commits."""
    listed = list(listed)
    if not listed:
        return {}
    # The newest version of a lock is the one that a later commit left as it was.
    by_key = {record.key: record.commit for record in reversed(found)}
    versions = {record.commit for record in found}
    keys = pipelines.keys_at([tip for _, tip in listed if tip not in versions], root)
    placed: dict[str, list[str]] = {}
    for name, tip in listed:
        if commit := tip if tip in versions else by_key.get(keys.get(tip, "")):
            placed.setdefault(commit, []).append(name)
    return placed
