"""Where the bytes of a version are: in Git, in the working tree, in the cache, in a remote."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stemma.hashes import DIR, name_of
from stemma.store import git
from stemma.store.cache import Cache, Place
from stemma.store.lock import LockEntry, Stage
from stemma.store.objects import listed, path_in
from stemma.store.version import Tree

GIT, TREE = "Git", "working tree"
BY_SIZE = f"{TREE} (by size)"
_HASHED = 2**28  # bytes: half a second; a larger output is recognised by its size


def whereabouts(stages: Sequence[Stage], commit: str | None, root: Path) -> dict[str, Any]:
    """Return what the stages of a version took and made, and where its bytes are.

    Cache and remotes are only asked whether they have an object of that name. What stands in the
    working tree is hashed, if it is no larger than 256 MiB.

    Args:
        stages: of the version, in their order.
        commit: of the version; None for the working tree.
        root: the project's root.

    Returns:
        ``stages`` has for each stage its name and command; in ``takes`` the path and md5 of each
        input, and the stage that made just these bytes, or None; in ``makes`` the path, md5, size
        in bytes and number of files of each output (None where the listing is not at hand), the
        places that have all of it (``whole``), and those that have a part of it, with how many
        objects (``partly``). ``unasked`` has the URLs of the remotes that are on no disk of this
        machine, by name.
    """
    places = Cache(root).places()
    at_hand = [place for place in places if place.folder]
    tracked = _tracked(commit, root)
    tree = Tree(root)
    makers = {(out.path, out.md5): stage.name for stage in stages for out in stage.outs}
    return {
        "stages": [
            {
                "name": stage.name,
                "command": stage.command,
                "takes": [
                    {"path": dep.path, "md5": dep.md5, "from": makers.get((dep.path, dep.md5))}
                    for dep in stage.deps
                ],
                "makes": [_output(out, tracked, at_hand, tree) for out in stage.outs],
            }
            for stage in stages
        ],
        "unasked": {place.name: place.url for place in places if place.folder is None},
    }


def _tracked(commit: str | None, root: Path) -> set[str]:
    """Return the files that Git keeps; of the working tree, those that are as HEAD has them."""
    if commit is None and not git.find("HEAD", root):
        return set()
    listed = git.run(["ls-tree", "-rz", "--name-only", commit or "HEAD"], root).split("\0")
    if commit:
        return {*listed}
    changed = git.run(["diff", "-z", "--name-only", "--relative", "HEAD"], root).split("\0")
    return {*listed} - {*changed}


def _output(out: LockEntry, tracked: set[str], places: list[Place], tree: Tree) -> dict[str, Any]:
    facts: dict[str, Any] = {"path": out.path, "md5": out.md5, "size": out.size}
    inside = sum(path == out.path or path.startswith(f"{out.path}/") for path in tracked)
    if inside:
        return facts | {"files": inside, "whole": [GIT], "partly": {}}
    files, here = _files(out.md5, places), _here(out, tree)
    if files is None:
        return facts | {"files": None, "whole": here, "partly": {}}
    objects = {out.md5, *files}
    there = {
        place.name: sum(path_in(place.folder, key).exists() for key in objects)
        for place in places
        if place.folder
    }
    return facts | {
        "files": len(files),
        "whole": [*here, *(name for name, count in there.items() if count == len(objects))],
        "partly": {name: count for name, count in there.items() if 0 < count < len(objects)},
    }


def _files(md5: str, places: list[Place]) -> list[str] | None:
    """Return the objects of an output's files; None where no place has a sound listing of it."""
    if not md5.endswith(DIR):
        return [md5]
    listings = (path_in(place.folder, md5) for place in places if place.folder)
    for listing in filter(Path.exists, listings):
        with contextlib.suppress(ValueError):  # torn; `stemma fsck` says so
            return list(listed(listing.read_bytes()).values())
    return None


def _here(out: LockEntry, tree: Tree) -> list[str]:
    """Return the working tree as the place of an output; nothing if it does not have its bytes."""
    if tree.size(out.path) != out.size:
        return []
    if out.size > _HASHED:
        return [BY_SIZE]
    return [TREE] if name_of(tree.files(out.path)) == out.md5 else []
