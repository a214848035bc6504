"""The bytes behind the hashes in dvc.lock: from DVC's cache, and from the default remote."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from stemma import merging, storage
from stemma.hashes import DIR
from stemma.store import objects
from stemma.store.errors import DamagedError, MissingError, ProjectError


@dataclasses.dataclass(frozen=True)
class Place:
    """Somewhere objects are kept.

    Attributes:
        name: ``cache``, or the remote's name.
        folder: with the objects; None if it is on no disk of this machine.
        url: as DVC's configuration has it; empty for the cache.
    """

    name: str
    folder: Path | None
    url: str


class Cache:
    """DVC's cache of a project, to read from.

    DVC's configuration is read when the first object is asked for, the rest of DVC is imported when
    one has to be fetched.

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
            MissingError: it is a folder, and its listing is nowhere, or torn.
        """
        if not key.endswith(DIR):
            return {"": key}
        try:
            return objects.listed(self.path(key, owner).read_bytes())
        except ValueError as error:
            hint = "`stemma fsck` shows all that is broken"
            raise MissingError(f"the listing of {owner} in the cache is torn", hint) from error

    def path(self, key: str, owner: str) -> Path:
        """Return where an object can be read, fetched from the default remote if need be.

        Raises:
            MissingError: it is nowhere, or broken wherever it is.
        """
        path = objects.path_in(self.folder, key)
        if not path.exists():
            self._fetch(key, owner)
        return path

    def places(self) -> list[Place]:
        """Return the cache and every remote; whether a remote on a disk is there is not asked."""
        found = [Place("cache", self.folder, "")]
        for name, remote in self._config.get("remote", {}).items():
            url = str(remote["url"])
            local = "://" not in url
            found.append(Place(name, self._root / ".dvc" / url if local else None, url))
        return found

    @functools.cached_property
    def folder(self) -> Path:
        """Where it is, as DVC's configuration says."""
        # DVC gives a relative path as from its configuration's folder.
        return self._root / ".dvc" / (self._config.get("cache", {}).get("dir") or "cache")

    @functools.cached_property
    def _config(self) -> dict[str, Any]:
        from dvc.config import Config, ConfigError

        for name in ("config", "config.local"):
            path = self._root / ".dvc" / name
            if path.exists():
                merging.check(path.read_bytes(), f".dvc/{name}", ProjectError)
        try:
            return dict(Config(str(self._root / ".dvc")))
        except ConfigError as error:
            raise ProjectError(f"DVC: {error}", "see `dvc config --list --show-origin`") from error

    def _fetch(self, key: str, owner: str) -> None:
        if not self._remote:
            raise MissingError(f"{owner} is not in the cache", "`dvc fetch` fetches it")
        if not self._config["core"].get("remote"):
            raise MissingError(
                f"{owner} is not in the cache, and there is no default remote to fetch it from",
                "`dvc repro` makes it again, where its commit is checked out",
            )
        with objects.repository(self._root) as repo:
            try:
                objects.cache_of(repo).take(key, objects.remote_of(repo, None))
            except (FileNotFoundError, DamagedError) as error:
                if storage.is_away(error):
                    raise MissingError(
                        f"{owner} is not in the cache, and the default remote does not answer",
                        "check the network, and type it again",
                    ) from error
                broken = "broken" if isinstance(error, DamagedError) else "missing"
                raise MissingError(
                    f"{owner} is not in the cache, and {broken} in the default remote",
                    "`stemma fsck` shows all that is lost",
                ) from error
