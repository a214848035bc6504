"""Where DVC keeps objects by their MD5: the cache and the remotes, through DVC's own file systems.

``files/md5/ab/cdef…`` holds the file whose MD5 is ``abcdef…``; ``….dir`` is the JSON listing of a
folder. DVC sends a folder's listing after its files, so where the listing is, the files have been.
"""

import contextlib
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma import merging, storage
from stemma.files import atomic_file
from stemma.hashes import DIR
from stemma.store import git
from stemma.store.errors import DamagedError, ProjectError

if TYPE_CHECKING:
    from dvc.repo import Repo

CHUNK = 1 << 20
READ_ONLY = 0o444  # as DVC protects its objects


def path_in(folder: Path, key: str) -> Path:
    """Return where a cache in a folder keeps an object."""
    return folder / "files/md5" / key[:2] / key[2:]


def listed(listing: bytes) -> dict[str, str]:
    """Return the object of each file by its path in the folder of a listing.

    Raises:
        ValueError: it is torn.
    """
    try:
        return {item["relpath"]: item["md5"] for item in json.loads(listing)}
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no list of files: {error!r}") from error


@contextlib.contextmanager
def repository(root: Path = Path()) -> Iterator["Repo"]:
    """Open the project of a folder as DVC does, with all of its configuration.

    Raises:
        ProjectError: DVC refuses, at any time within the block; or Git does.
    """
    # In the words of Git, which name the remedy: DVC's own do not.
    git.run(["rev-parse", "--git-dir"], root)
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            yield repo
    except DvcException as error:
        if torn := _unfinished(root):
            raise merging.unfinished(torn[0], ProjectError) from error
        reasons = [str(error), str(error.__cause__ or "")]
        raise ProjectError(f"DVC: {' '.join(filter(None, reasons))}", "see `dvc doctor`") from error


def _unfinished(root: Path) -> list[str]:
    """Return what DVC reads of a working tree and a merge is unfinished in."""
    known = [".dvc/config", "dvc.yaml", "dvc.lock", "params.yaml"]
    named = [*known, *(path for path in git.unmerged(root) if path.endswith((".dvc", ".lock")))]
    files = {path: root / path for path in named if (root / path).is_file()}
    return [path for path, file in files.items() if merging.has_marks(file.read_bytes())]


class ObjectStore:
    """Objects by name, in the cache or a remote.

    Every method raises ProjectError where a remote does not answer, or refuses.

    Args:
        name: ``cache``, or the remote's name.
        database: DVC's object database.
    """

    def __init__(self, name: str, database: Any) -> None:
        self.name = name
        self._database = database
        self._local = database.fs.protocol == "local"

    def among(self, keys: list[str]) -> set[str]:
        """Return those of the names that have an object here, sound or not."""
        with self._answering("read"):
            return set(self._database.list_oids_exists(keys))

    def all(self) -> list[str]:
        """Return the names of all objects, sorted."""
        with self._answering("read"):
            return sorted(self._database.all())

    def size(self, key: str) -> int:
        """Return the bytes of an object that is there."""
        with self._answering("read", key):
            return self._database.fs.size(self._database.oid_to_path(key))

    def check(self, key: str, tell: Callable[[int], object] = int) -> bool:
        """Read an object in chunks and hash it; False if there is none.

        Args:
            key: the object's name.
            tell: called with the bytes of each chunk.

        Raises:
            DamagedError: it is not what its name says, or cannot be read.
        """
        try:
            for chunk in self.read(key):
                tell(len(chunk))
        except FileNotFoundError:
            return False
        return True

    def read(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in chunks.

        Raises:
            FileNotFoundError: there is no such object.
            DamagedError: at the end, if the bytes do not hash to the name; or a disk cannot read
                them.
        """
        digest = hashlib.md5(usedforsecurity=False)
        chunks = self._chunks(key)
        while True:
            # Not around the yield: what fails there is the caller's.
            try:
                with self._answering("read", key):
                    chunk = next(chunks, b"")
            except FileNotFoundError:
                raise
            except OSError as error:
                raise DamagedError(error.strerror or str(error)) from error
            if not chunk:
                break
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != key.removesuffix(DIR):
            raise DamagedError("its bytes do not hash to its name")

    def files(self, key: str) -> dict[str, str]:
        """Return the objects of an output's files by path in it ("" if it is a file).

        Raises:
            FileNotFoundError: it is a folder, and its listing is not here.
            DamagedError: the listing is not what its name says.
        """
        if not key.endswith(DIR):
            return {"": key}
        return listed(b"".join(self.read(key)))

    def paths(self, key: str) -> dict[str, Path] | None:
        """Return where a cache has an output's files, by path in it; None if it lacks one."""
        try:
            files = self.files(key).items()
        except (DamagedError, FileNotFoundError):
            return None
        paths = {name: Path(self._database.oid_to_path(file)) for name, file in files}
        return paths if all(path.exists() for path in paths.values()) else None

    def is_sound(self, key: str) -> bool:
        """Say whether all of an output is here, and every file hashes to its name."""
        try:
            return all(self.check(file) for file in self.files(key).values())
        except (DamagedError, FileNotFoundError):
            return False

    def take(self, key: str, other: "ObjectStore") -> None:
        """Replace an object by that of another store, atomically, hashing what is copied.

        Raises:
            DamagedError, FileNotFoundError: the other has no sound one.
            OSError: it cannot be written; what was there is as it was.
        """
        path = self._database.oid_to_path(key)
        if self._local:
            _replace(Path(path), other.read(key))
            return
        with tempfile.NamedTemporaryFile() as whole:
            whole.writelines(other.read(key))
            whole.flush()
            try:
                # Object stores show an upload when it is complete.
                self._database.fs.put_file(whole.name, path)
            except Exception as error:
                if not storage.is_failure(error):
                    raise
                raise OSError(f"{self.name}: {storage.explain(error)[0]}") from error

    def delete(self, keys: Collection[str]) -> None:
        """Delete these objects and no others, listings before the files that they name.

        Not as ``dvc gc`` does, which deletes whatever it is not told to keep: others that use the
        cache may have added objects since it was looked at.
        """
        ordered = sorted(keys, key=lambda key: (not key.endswith(DIR), key))
        with self._answering("written"):
            self._database.fs.remove([self._database.oid_to_path(key) for key in ordered])

    def _chunks(self, key: str) -> Iterator[bytes]:
        with self._database.fs.open(self._database.oid_to_path(key), "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def _first(self, key: str) -> object:
        """Read a byte of an object: what a store refuses to send it explains."""
        return self._database.fs.fs.cat_file(self._database.oid_to_path(key), start=0, end=1)

    @contextlib.contextmanager
    def _answering(self, done: str, key: str = "") -> Iterator[None]:
        """Turn a failure of a remote into a line; those of a local disk speak for themselves.

        That an object is not there is told as it is, but not where its bucket is not.
        """
        try:
            yield
        except Exception as error:
            absent = isinstance(error, FileNotFoundError) and storage.is_absent(error)
            if self._local or absent or not storage.is_failure(error):
                raise
            again = functools.partial(self._first, key) if key else None
            reason, hint = storage.explain(error, again)
            raise ProjectError(
                f"{self.name} cannot be {done}: {reason}", hint or "try again later"
            ) from error


def _replace(path: Path, chunks: Iterator[bytes]) -> None:
    with atomic_file(path) as handle:
        handle.writelines(chunks)
        os.fchmod(handle.fileno(), READ_ONLY)


def cache_at(folder: Path) -> ObjectStore:
    """Return the DVC 3 cache in a folder, which need not exist yet."""
    from dvc.fs import localfs
    from dvc_data.hashfile.db.local import LocalHashFileDB

    return ObjectStore("cache", LocalHashFileDB(localfs, str(folder / "files/md5")))


def cache_of(repo: "Repo") -> ObjectStore:
    """Return the cache that DVC's configuration names, also a shared one."""
    return cache_at(Path(repo.cache.local_cache_dir))


def remote_of(repo: "Repo", name: str | None) -> ObjectStore:
    """Return a remote; the default one for None.

    Raises:
        DvcException: there is no such remote, or its layout has no objects by name.
        ProjectError: the package that reads it is not installed.
    """
    try:
        return ObjectStore(name or "remote", repo.cloud.get_remote_odb(name, "stemma"))
    except ImportError as error:
        name = name or repo.config["core"]["remote"]
        url = repo.config["remote"][name]["url"]
        raise ProjectError(
            f"the remote {name} needs a package that is not installed: {error}",
            storage.install(url),
        ) from error
