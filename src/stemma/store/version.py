"""What can be read as a version: a commit, or the working tree.

What Git keeps (settings, dvc.lock, metrics, examples, samples, code) is read from its objects, what
DVC keeps from its cache, and from the default remote what the cache lacks. Nothing is checked out.
"""

import abc
import dataclasses
import functools
from collections.abc import Iterable
from pathlib import Path

from stemma import merging
from stemma.hashes import files_of, hashes_of
from stemma.store import git, pipelines
from stemma.store.cache import Cache
from stemma.store.declared import Declared
from stemma.store.errors import MissingError, ProjectError
from stemma.store.lock import LOCK, Lock, Stage

_WEIGHTS = ".safetensors"
_CONFIGS = {"config.json", "adapter_config.json"}


class Version(abc.ABC):
    """What can be read of a version.

    Attributes:
        name: what the user calls it.
        commit: the hash of its commit; None if it is none.
        has_reports: whether there is a place for what evaluate reports; a model alone has none.
    """

    name: str
    commit: str | None = None
    has_reports = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._listed: dict[str, dict[str, str]] = {}

    @property
    def root(self) -> Path | None:
        """The project that it is of; None if it is of none."""
        return None

    def read(self, path: str) -> bytes | None:
        """Return a file that Git keeps; None if the version has none."""
        return None

    def signed(self) -> dict[str, str] | None:
        """Return its commit, date, author and subject; None if it is no commit."""
        return None

    def tracked(self) -> dict[str, str]:
        """Return the Git blob of each file that Git keeps, by path."""
        return {}

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages of its dvc.lock; none if it has no such file.

        Raises:
            ProjectError: it cannot be read.
        """
        return self.lock.stages

    @functools.cached_property
    def lock(self) -> Lock:
        """What its dvc.lock and ``.dvc`` files name; nothing if it has no such file.

        Raises:
            ProjectError: it cannot be read.
        """
        return self._pipelines[0]

    @functools.cached_property
    def declared(self) -> Declared:
        """What it consists of, as each dvc.yaml says.

        Raises:
            DamagedError: it cannot be read.
        """
        found = self._pipelines[1]
        if found.trained in self.lock.kept or any(one.type == "model" for one in found.artifacts):
            return found
        # None is declared: what has the files of one is one.
        model = next(filter(self._is_model, self.lock.kept), None)
        return dataclasses.replace(found, trained=model, exported=model) if model else found

    def _is_model(self, output: str) -> bool:
        return False

    @functools.cached_property
    def _pipelines(self) -> tuple[Lock, Declared]:
        return pipelines.read(self.pointers(), self.read, self.name)

    def pointers(self) -> tuple[str, ...]:
        """Return the paths of its files by which Git knows what DVC keeps, in any folder."""
        return ()

    @property
    def is_version(self) -> bool:
        """Whether anything in it points to what DVC keeps."""
        return any(map(pipelines.is_pointer, self.pointers()))

    def get(self, path: str) -> bytes | None:
        """Return a file, whether Git keeps it or DVC, fetched if need be; None if there is none.

        Raises:
            MissingError: DVC keeps it, and its bytes are nowhere.
        """
        found = self.read(path)
        if found is not None:
            return found
        for output, inside in self.lock.holding(path):
            # What Git keeps of a stage was looked for there.
            if output not in self.declared.in_git:
                return self.content(output, inside)
        return None

    def files(self, output: str) -> dict[str, str]:
        """Return the MD5 of each file of an output by path in it; {} if it has no such output.

        Raises:
            MissingError: which files there are is known nowhere.
        """
        if output not in self._listed:
            self._listed[output] = self._list(output)
        return self._listed[output]

    def content(self, output: str, file: str) -> bytes | None:
        """Return a file of an output, fetched if need be; None if the version has no such file.

        Raises:
            MissingError: its bytes are nowhere.
        """
        return self.path(output, file).read_bytes() if file in self.files(output) else None

    @abc.abstractmethod
    def _list(self, output: str) -> dict[str, str]: ...

    @abc.abstractmethod
    def path(self, output: str, file: str) -> Path:
        """Return where a file of an output can be read, fetched if need be.

        Args:
            output: such as ``models/trained``.
            file: one of ``files(output)``.

        Raises:
            MissingError: its bytes are nowhere.
        """


class Commit(Version):
    """A commit, by its name or as the tip of a branch, tag or experiment."""

    def __init__(self, name: str, commit: str, root: Path) -> None:
        super().__init__(name)
        self.commit, self._root = commit, root
        self._cache = Cache(root)

    @property
    def root(self) -> Path:  # noqa: D102 (as Version)
        return self._root

    def read(self, path: str) -> bytes | None:  # noqa: D102
        assert self.commit
        return git.content(self.commit, path, self._root)

    def signed(self) -> dict[str, str]:  # noqa: D102
        assert self.commit
        return git.signed([self.commit], self._root)[0]

    def tracked(self) -> dict[str, str]:  # noqa: D102
        assert self.commit
        listed = git.run(["ls-tree", "-r", "-z", self.commit], self._root).split("\0")
        pairs = (line.split("\t", 1) for line in listed if line)
        return {path: facts.split()[2] for facts, path in pairs}

    def pointers(self) -> tuple[str, ...]:  # noqa: D102
        assert self.commit
        return pipelines.at(self.commit, self._root)

    def _is_model(self, output: str) -> bool:
        key, _ = self.lock.kept[output]
        try:
            return is_model(output, Cache(self._root, remote=False).files(key, output))
        except MissingError:
            return False

    def _list(self, output: str) -> dict[str, str]:
        md5, _ = self.lock.kept.get(output, ("", 0))
        return self._cache.files(md5, self._said(output)) if md5 else {}

    def path(self, output: str, file: str) -> Path:  # noqa: D102
        return self._cache.path(self.files(output)[file], self._said(output, file))

    def _said(self, *parts: str) -> str:
        return f"{'/'.join(filter(None, parts))} of {self.name}"


class Tree(Version):
    """The working tree, as it stands."""

    def __init__(self, root: Path) -> None:
        super().__init__("the working tree")
        self._root = root

    @property
    def root(self) -> Path:  # noqa: D102 (as Version)
        return self._root

    def read(self, path: str) -> bytes | None:
        """Return a file that Git keeps; None if there is none.

        Raises:
            ProjectError: a merge is unfinished in it.
        """
        file = self._root / path
        content = file.read_bytes() if file.is_file() else None
        if content and self._is_unfinished(path, content):
            raise merging.unfinished(path, ProjectError)
        return content

    def _is_unfinished(self, path: str, content: bytes) -> bool:
        # A text may have such lines of its own; where Git puts none, one side is left standing.
        if path.endswith(".md") or b"\0" in content:
            return path in git.unmerged(self._root)
        return merging.has_marks(content)

    def tracked(self) -> dict[str, str]:  # noqa: D102
        listed = git.run(["ls-files", "-z", "-c", "-o", "--exclude-standard"], self._root)
        paths = sorted({path for path in listed.split("\0") if (self._root / path).is_file()})
        # Git takes these as from the top of the repository, where the project need not be.
        asked = "".join(f"{(self._root / path).absolute()}\n" for path in paths)
        blobs = git.run(["hash-object", "--stdin-paths"], self._root, asked).split()
        return dict(zip(paths, blobs, strict=True))

    def pointers(self) -> tuple[str, ...]:  # noqa: D102
        # A version is read also where nothing is under Git yet.
        paths = pipelines.here(self._root) if git.is_repository(self._root) else pipelines.TOP
        return tuple(path for path in paths if (self._root / path).is_file())

    def _is_model(self, output: str) -> bool:
        return is_model(output, files_of(self._root / output))

    def content(self, output: str, file: str) -> bytes | None:  # noqa: D102
        self._check(output)
        path = self.path(output, file)
        return path.read_bytes() if path.is_file() else None

    def size(self, output: str) -> int:
        """Return the bytes of an output; 0 if it is not there."""
        return sum(file.stat().st_size for file in files_of(self._root / output).values())

    def _list(self, output: str) -> dict[str, str]:
        self._check(output)
        return hashes_of(self._root / output)

    def _check(self, output: str) -> None:
        if not (self._root / output).exists() and output in self.lock.kept:
            raise MissingError(
                f"{output} is not in the working tree", "`dvc checkout` or `dvc repro` brings it"
            )

    def path(self, output: str, file: str) -> Path:  # noqa: D102
        return self._root / output / file


def is_model(output: str, files: Iterable[str]) -> bool:
    """Say whether an output is a model: a safetensors file, or a folder of one with its config.

    Args:
        output: its path.
        files: those in it, by path; an empty path for an output that is a file.
    """
    there = {*files}
    if there == {""}:
        return output.endswith(_WEIGHTS)
    return bool(there & _CONFIGS) and any(file.endswith(_WEIGHTS) for file in there)


def built(name: str, commit: str, root: Path = Path()) -> Commit:
    """Return a commit that is a version.

    Raises:
        ProjectError: nothing in it points to what DVC keeps.
    """
    version = Commit(name, commit, root)
    if not version.is_version:
        raise ProjectError(f"{name} has no {LOCK}", "it is no version: build and commit one")
    return version
