"""How many bytes a version added to the store."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from stemma.hashes import DIR
from stemma.layout import REPORTS
from stemma.store.lock import Lock
from stemma.store.objects import path_in

_IN_GIT = f"{REPORTS}/"


class Added(NamedTuple):
    """What a version added to the store.

    Attributes:
        size: in bytes.
        exact: False if the cache lacks some of what tells; what is unknown counts as new then.
    """

    size: int
    exact: bool


class Sizes:
    """The sizes of what outputs consist of, read from a DVC cache alone.

    Reports are left out: Git holds them.

    Args:
        cache: the folder of the cache.
    """

    def __init__(self, cache: Path) -> None:
        # Thousands of files are asked for; a Path takes several times as long as they do.
        self._cache = str(path_in(cache, ""))
        self._listed: dict[str, frozenset[str] | None] = {}

    def added(self, before: Iterable[Lock], after: Lock) -> Added:
        """Return the size of a version's outputs that no parent has, each file counted once."""
        had = {entry for lock in before for entry in _stored(lock)}
        new = set(_stored(after)) - had
        if not new:
            return Added(0, True)
        known = {key: self._files(key) for key, _ in had}
        here = {file for files in known.values() for file in files or ()}
        exact = None not in known.values()
        sizes: dict[str, int] = {}
        for key, size in sorted(new):
            files = self._sizes((self._files(key) or frozenset()) - here)
            if self._files(key) is None or files is None:
                exact = False
                files = {key: size}
            sizes |= files if key.endswith(DIR) else {key: size}
        return Added(sum(sizes.values()), exact)

    def _files(self, key: str) -> frozenset[str] | None:
        """Return the objects of an output; None if the cache does not have its listing."""
        if not key.endswith(DIR):
            return frozenset([key])
        if key not in self._listed:
            try:
                listing = json.loads(Path(self._path(key)).read_bytes())
                self._listed[key] = frozenset(item["md5"] for item in listing)
            # Damaged as well as missing: `stemma fsck` is there to tell them apart.
            except (OSError, ValueError, TypeError, KeyError):
                self._listed[key] = None
        return self._listed[key]

    def _sizes(self, keys: Iterable[str]) -> dict[str, int] | None:
        try:
            return {key: os.stat(self._path(key)).st_size for key in keys}  # noqa: PTH116
        except OSError:
            return None

    def _path(self, key: str) -> str:
        return f"{self._cache}/{key[:2]}/{key[2:]}"


def _stored(lock: Lock) -> list[tuple[str, int]]:
    return [entry for path, entry in lock.kept.items() if not path.startswith(_IN_GIT)]
