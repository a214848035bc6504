"""Which files of data changed, where no manifest tells of documents: told by their hashes."""

from __future__ import annotations

from typing import Any

from stemma.pages.blocks import Cell, Table
from stemma.store.errors import MissingError
from stemma.store.version import Version

_SHOWN = 20
_NAMED = 3


def inputs(version: Version) -> dict[str, str]:
    """Return the MD5 of all data that a version is made of, by path.

    These are what ``dvc add`` and ``dvc import`` brought, what stages read and neither a stage made
    nor Git keeps, and what dvc.yaml declares as an artifact of type ``dataset``.
    """
    lock, ours = version.lock, version.tracked()
    parts = version.declared
    models = {parts.trained, parts.exported, parts.base}
    found = {path: md5 for path, (md5, _) in lock.added.items() if path not in models}
    found |= {path: md5 for path, md5 in lock.deps.items() if not _is_below(path, ours)}
    datasets = {path: lock.kept[path][0] for path in version.declared.datasets if path in lock.kept}
    return found | datasets


def changed(a: Version, b: Version) -> dict[str, dict[str, Any]]:
    """Return what is known of each input that is not the same in two versions, by its path.

    Returns:
        ``a`` and ``b`` are its MD5 in each, None where there is none; ``files`` says how many files
        of a folder were added, removed and changed, None where a listing is not at hand.
    """
    left, right = inputs(a), inputs(b)
    return {
        path: {
            "a": left.get(path),
            "b": right.get(path),
            "bytes": [_size(a, path), _size(b, path)],
            "files": _files(path, a, b) if path in left and path in right else None,
        }
        for path in sorted({*left, *right})
        if left.get(path) != right.get(path)
    }


def sentence(facts: dict[str, dict[str, Any]]) -> str:
    """Return what changed, in a sentence."""
    named = ", ".join([*facts][:_NAMED])
    more = f" and {len(facts) - _NAMED} more" if len(facts) > _NAMED else ""
    several = "s" * (len(facts) > 1)
    return f"{len(facts)} file{several} or folder{several} of data changed: {named}{more}."


def table_of(facts: dict[str, dict[str, Any]], names: tuple[str, str]) -> Table:
    """Return a row for each input that changed."""
    rows = tuple(
        (path, *("none" if size is None else f"{size:,}" for size in one["bytes"]),
         Cell(_told(one)))
        for path, one in [*facts.items()][:_SHOWN]
    )  # fmt: skip
    more = f" ({_SHOWN} of {len(facts)}; --json has all)" if len(facts) > _SHOWN else ""
    return Table(f"Data, in bytes{more}", ("path", *names, "files"), rows, frozenset({1, 2}))


def _told(one: dict[str, Any]) -> str:
    if one["a"] is None or one["b"] is None:
        return "removed" if one["b"] is None else "added"
    if one["files"] is None:
        return "changed"
    return ", ".join(f"{count} {kind}" for kind, count in one["files"].items() if count)


def _is_below(path: str, tracked: dict[str, str]) -> bool:
    return path in tracked or any(file.startswith(f"{path}/") for file in tracked)


def _size(version: Version, path: str) -> int | None:
    return version.lock.kept.get(path, (None, None))[1]


def _files(path: str, a: Version, b: Version) -> dict[str, int] | None:
    try:
        left, right = a.files(path), b.files(path)
    except MissingError:
        return None
    if "" in left or "" in right:
        return None
    both = left.keys() & right.keys()
    return {
        "added": len(right.keys() - left.keys()),
        "removed": len(left.keys() - right.keys()),
        "changed": sum(left[file] != right[file] for file in both),
    }
