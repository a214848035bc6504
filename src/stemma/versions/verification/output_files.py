"""Where the files of an output can be read: as the version has them, and as its rebuild does."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from stemma.store.lock import LockEntry
from stemma.store.objects import ObjectStore


@dataclasses.dataclass(frozen=True)
class OutputFiles:
    """The places that hold the outputs of a version and of its rebuild.

    Attributes:
        cache: the user's DVC cache.
        own: the DVC cache of the rebuild.
        tree: the worktree in which it was rebuilt.
        tracked: a folder with the commit's own copies of the outputs that Git keeps; the rebuild
            overwrites them in the worktree.
    """

    cache: ObjectStore
    own: ObjectStore
    tree: Path
    tracked: Path

    def expected(self, out: LockEntry) -> Mapping[str, Path] | None:
        """Return an output's files as the version has them, by path in it ("" if it is a file).

        None if they are not at hand, or broken.
        """
        kept = self.tracked / out.path
        if kept.exists():
            return {"": kept}
        return self.cache.paths(out.md5) if self.cache.is_sound(out.md5) else None

    def rebuilt(self, out: LockEntry) -> Mapping[str, Path]:
        """Return an output's files as the rebuild has them, by path in it ("" if it is a file)."""
        return self.own.paths(out.md5) or {"": self.tree / out.path}
