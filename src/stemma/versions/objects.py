"""The files of a DVC output: from a cache by hash, or from a commit where Git keeps the output."""

import json
from collections.abc import Mapping
from pathlib import Path

from stemma.versions.locks import Entry

_FOLDER = ".dir"


def path_of(cache: Path, md5: str) -> Path:
    """Return where a DVC 3 cache keeps the object of a hash."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def files_of(cache: Path, entry: Entry) -> Mapping[str, Path] | None:
    """Return the cached files of an output by path in it ("" if it is a file).

    None if one of them is not in the cache.
    """
    listing = path_of(cache, entry.md5)
    if not listing.exists():
        return None
    if not entry.md5.endswith(_FOLDER):
        return {"": listing}
    items = json.loads(listing.read_bytes())
    files = {item["relpath"]: path_of(cache, item["md5"]) for item in items}
    return files if all(path.exists() for path in files.values()) else None
