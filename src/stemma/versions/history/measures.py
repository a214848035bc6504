"""What a version in the history was measured at: its metrics, in Git or in DVC's cache."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from stemma.store.cache import Cache
from stemma.store.declared import Declared
from stemma.store.errors import MissingError
from stemma.store.lock import Lock
from stemma.versions.contents import tables
from stemma.versions.contents.metrics import joined

_KNOWN = 2**12  # files and folders of DVC's cache that stay read
_parse = functools.lru_cache(_KNOWN)(tables.parse)


class Files:
    """Reads the small files of one version.

    Args:
        declared: what the version consists of.
        lock: what it was made of.
        content: gives a file that Git keeps; None if there is none.
        cache: DVC's; nothing is fetched.

    Attributes:
        metrics: what its files of metrics hold; {} if there are none.
        weights: the MD5 of the weights that they speak of; empty if that is not known.
        torn: files that cannot be read.
        absent: files that DVC keeps and that are not in the cache.
    """

    def __init__(
        self,
        declared: Declared,
        lock: Lock,
        content: Callable[[str], bytes | None],
        cache: Cache,
    ) -> None:
        self._lock, self._content, self._cache = lock, content, cache
        self._in_git = declared.in_git
        self.torn: list[str] = []
        self.absent: list[str] = []
        paths = declared.compared
        found = {path: told for path in paths if (told := self._read(path)) is not None}
        self.metrics: Mapping[str, Any] = joined(found)
        self.weights = str((self._read(declared.measured) or {}).get("weights") or "")

    def _read(self, path: str) -> Mapping[str, Any] | None:
        try:
            raw = self._content(path)
            raw = self._kept(path) if raw is None else raw
            return None if raw is None else _parse(raw, path)
        except MissingError:
            self.absent.append(path)
        except ValueError:
            self.torn.append(path)
        return None

    def _kept(self, path: str) -> bytes | None:
        """Return a file that DVC keeps."""
        for output, inside in self._lock.holding(path):
            if output not in self._in_git:
                key = _files(self._cache, self._lock.kept[output][0]).get(inside)
                return self._cache.path(key, path).read_bytes() if key else None
        return None


@functools.lru_cache(_KNOWN)
def _files(cache: Cache, key: str) -> dict[str, str]:
    return cache.files(key, key)
