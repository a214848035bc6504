"""What went into the stages of a version and came out, by the SHA-256 of its bytes.

dvc.lock knows it by MD5 alone. The bytes are read where they are, in Git or in DVC's cache, and
must have that MD5, so that the SHA-256 is of just what the stage read or wrote.
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stemma.hashes import DIR, name_of
from stemma.layout import OBSERVED
from stemma.store import git
from stemma.store.cache import Cache
from stemma.store.digest import digest_of
from stemma.store.errors import ProjectError
from stemma.store.lock import LockEntry
from stemma.store.version import Version

Descriptor = dict[str, Any]
"""A ResourceDescriptor of in-toto: name, digest, annotations."""
_CHUNK = 1 << 20


class Materials:
    """The inputs and outputs of a version's stages.

    Args:
        version: a commit.
        root: the project.

    Attributes:
        missing: why bytes could not be read, by the path of the input or output.
    """

    def __init__(self, version: Version, root: Path) -> None:
        self._version, self._root, self._cache = version, root, Cache(root)
        self._tracked = version.tracked()
        self._read: dict[str, tuple[str, str]] = {}  # MD5 and SHA-256 of a Git blob
        self._found: dict[LockEntry, dict[str, str] | None] = {}
        self.missing: dict[str, str] = {}

    def files(self, entry: LockEntry) -> dict[str, str] | None:
        """Return the SHA-256 of each file of an entry by its path in it ("" if it is a file).

        None if bytes are nowhere, or are not those that dvc.lock names; ``missing`` says why.
        """
        if entry not in self._found:
            try:
                self._found[entry] = self._in_git(entry) or self._in_cache(entry)
            except ProjectError as error:
                other = "Git has another than dvc.lock names; " * self._is_tracked(entry.path)
                self.missing[entry.path] = f"{other}{error.message}"
                self._found[entry] = None
        return self._found[entry]

    def descriptor(self, entry: LockEntry) -> Descriptor:
        """Return how a statement names an entry: by SHA-256, and by MD5 as dvc.lock does.

        A folder has a ``dirHash``: the SHA-256 of what `sha256sum` prints of its files. What cannot
        be read has its MD5 alone, and says why.
        """
        if entry.is_external:
            # DVC keeps no copy, and what a server calls its ETag need be no digest of the bytes.
            return {"uri": entry.path, "annotations": {"etag": entry.md5}}
        # Of a folder it is the MD5 of DVC's listing, not of bytes.
        kind = "dvcDir" if entry.md5.endswith(DIR) else "md5"
        digest = {kind: entry.md5.removesuffix(DIR)}
        files = self.files(entry)
        told: Descriptor = {"name": entry.path, "digest": digest}
        if files is None:
            told["annotations"] = {"missing": self.missing[entry.path]}
        elif "" in files:
            digest["sha256"] = files[""]
        else:
            digest["dirHash"] = digest_of(files)
        return told

    def _is_tracked(self, path: str) -> bool:
        return any(one == path or one.startswith(f"{path}/") for one in self._tracked)

    def _in_git(self, entry: LockEntry) -> dict[str, str] | None:
        inside = {
            path[len(entry.path) :].removeprefix("/"): blob
            for path, blob in self._tracked.items()
            if path == entry.path or path.startswith(f"{entry.path}/")
            if Path(path).name != OBSERVED and not self._ignored.match_file(path)
        }
        if not inside:
            return None
        self._take(inside.values())
        md5s = {path: self._read[blob][0] for path, blob in inside.items()}
        if name_of(md5s) != entry.md5:
            return None
        return {path: self._read[blob][1] for path, blob in inside.items()}

    @functools.cached_property
    def _ignored(self) -> Any:
        from pathspec import GitIgnoreSpec

        raw = self._version.read(".dvcignore") or b""
        return GitIgnoreSpec.from_lines(raw.decode(errors="replace").splitlines())

    def _take(self, blobs: Iterable[str]) -> None:
        new = sorted({*blobs} - self._read.keys())
        for blob, content in git.contents(new, self._root):
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            self._read[blob] = md5, hashlib.sha256(content).hexdigest()

    def _in_cache(self, entry: LockEntry) -> dict[str, str]:
        keys = self._cache.files(entry.md5, f"{entry.path} of {self._version.name}")
        return dict(self._checked(entry.path, keys))

    def _checked(self, output: str, keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for path, key in sorted(keys.items()):
            owner = f"{'/'.join(filter(None, (output, path)))} of {self._version.name}"
            md5, sha256 = _both(self._cache.path(key, owner))
            if md5 != key:
                raise ProjectError(f"{owner} in the cache is torn", "see `stemma fsck`")
            yield path, sha256


def _both(path: Path) -> tuple[str, str]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
    return md5.hexdigest(), sha256.hexdigest()
