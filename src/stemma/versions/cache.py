"""The bytes behind the hashes in dvc.lock: from DVC's cache, and from the default remote."""

import functools
import json
from pathlib import Path

from stemma.errors import ProjectError
from stemma.versions import objects


class MissingError(ProjectError):
    """Bytes that a version has are at hand nowhere: in no cache, and in no remote."""


class Cache:
    """DVC's cache of a project, to read from; DVC is imported when the first byte is asked for.

    Args:
        root: the project's root.
        remote: whether to fetch what it lacks.
    """

    def __init__(self, root: Path, remote: bool = True) -> None:
        self._root, self._remote = root, remote

    def files(self, key: str, owner: str) -> dict[str, str]:
        """Return the object of each file of an output by its path there ("" if it is a file).

        Args:
            key: of the output, as dvc.lock has it.
            owner: what it is, for an error.

        Raises:
            MissingError: it is a folder, and its listing is nowhere.
        """
        if not key.endswith(objects.DIR):
            return {"": key}
        listing = json.loads(self.path(key, owner).read_bytes())
        return {item["relpath"]: item["md5"] for item in listing}

    def path(self, key: str, owner: str) -> Path:
        """Return where an object can be read, fetched from the default remote if need be.

        Raises:
            MissingError: it is nowhere, or broken wherever it is.
        """
        path = objects.path_in(self.folder, key)
        if not path.exists():
            self._fetch(key, owner)
        return path

    @functools.cached_property
    def folder(self) -> Path:
        """Where it is, as DVC's configuration says."""
        from dvc.config import Config

        folder = self._root / ".dvc"
        # DVC gives a relative path as from its configuration's folder.
        return folder / (Config(str(folder)).get("cache", {}).get("dir") or "cache")

    def _fetch(self, key: str, owner: str) -> None:
        if not self._remote:
            raise MissingError(f"{owner} is not in the cache", "`dvc fetch` fetches it")
        with objects.repository(self._root) as repo:
            if not repo.config["core"].get("remote"):
                raise MissingError(
                    f"{owner} is not in the cache, and there is no default remote to fetch it from",
                    "`dvc repro` makes it again, where its commit is checked out",
                )
            try:
                objects.cache_of(repo).take(key, objects.remote_of(repo, None))
            except (FileNotFoundError, objects.DamagedError) as error:
                broken = "broken" if isinstance(error, objects.DamagedError) else "missing"
                raise MissingError(
                    f"{owner} is not in the cache, and {broken} in the default remote",
                    "`stemma fsck` shows all that is lost",
                ) from error
