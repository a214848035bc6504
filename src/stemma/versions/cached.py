"""Where DVC keeps the files of an output."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from stemma.errors import ProjectError
from stemma.versions.locks import Entry

_FOLDER = ".dir"


@dataclasses.dataclass(frozen=True)
class Storage:
    """What DVC is set up to use in a project.

    Attributes:
        cache: the folder of its cache.
        remotes: name -> URL; a path is absolute.
    """

    cache: Path
    remotes: Mapping[str, str]


def storage_of(root: Path) -> Storage:
    """Ask DVC where a project keeps its objects.

    Raises:
        ProjectError: this is no DVC project, or its settings are broken.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            remotes = {name: remote["url"] for name, remote in repo.config["remote"].items()}
            return Storage(Path(repo.cache.local_cache_dir), remotes)
    except DvcException as error:
        raise ProjectError(f"{root.resolve()}: {error}", "run this in a project") from error


def path_of(cache: Path, md5: str) -> Path:
    """Return where a DVC 3 cache keeps the object of a hash."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def files_of(cache: Path, entry: Entry) -> Mapping[str, Path] | None:
    """Return the cached files of an output by path in it ("" if it is a file).

    None if one of them is not in the cache.
    """
    if not path_of(cache, entry.md5).exists():
        return None
    files = {name: path_of(cache, md5) for name, md5 in _listing(cache, entry).items()}
    return files if all(path.exists() for path in files.values()) else None


def hashes_of(cache: Path, entry: Entry) -> set[str]:
    """Return the hashes of an output and of its files, as far as the cache knows them."""
    known = path_of(cache, entry.md5).exists()
    return {entry.md5, *(_listing(cache, entry).values() if known else ())}


def _listing(cache: Path, entry: Entry) -> dict[str, str]:
    if not entry.md5.endswith(_FOLDER):
        return {"": entry.md5}
    items = json.loads(path_of(cache, entry.md5).read_bytes())
    return {item["relpath"]: item["md5"] for item in items}


def is_sound(cache: Path, entry: Entry) -> bool:
    """Say whether all of an output is in a cache, and every file hashes to its name."""
    files = files_of(cache, entry)
    return files is not None and all(_is_named_well(path) for path in files.values())


def _is_named_well(path: Path) -> bool:
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == "".join(path.parts[-2:])
