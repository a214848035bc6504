"""Anything that can be read as a version: a commit, the working tree, or a folder with a model.

What Git keeps (settings, dvc.lock, metrics, examples, samples, code) is read from its objects, what
DVC keeps from its cache, and from the default remote what the cache lacks. Nothing is checked out.
"""

import abc
import functools
from pathlib import Path

from stemma import merging
from stemma.hashes import files_of, hashes_of
from stemma.layout import PARAMS
from stemma.store import declared, git, refs
from stemma.store.cache import Cache
from stemma.store.declared import Declared
from stemma.store.errors import MissingError, ProjectError
from stemma.store.lock import LOCK, Lock, Stage, added, parse

_MODEL_FILES = ("*.safetensors", "config.json", "tokenizer.json")  # a model has one of them


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
        """Its dvc.lock, without any stage if it has no such file.

        Raises:
            ProjectError: it cannot be read.
        """
        raw = self.read(LOCK)
        return Lock(()) if raw is None else parse(raw, self.name)

    @functools.cached_property
    def declared(self) -> Declared:
        """What it consists of, as its dvc.yaml says.

        Raises:
            DamagedError: it cannot be read.
        """
        raw = self.read(declared.PIPELINE)
        if raw is None or not declared.is_template(raw):
            return declared.parse(raw, self.name)
        return declared.parse(raw, self.name, self.read(PARAMS.as_posix()), self.lock.outs)

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

    def _list(self, output: str) -> dict[str, str]:
        md5, _ = self.lock.outs.get(output, ("", 0))
        md5 = md5 or added(self.read(f"{output}.dvc"), self._said(f"{output}.dvc"))
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
        if not (self._root / output).exists() and output in self.lock.outs:
            raise MissingError(
                f"{output} is not in the working tree", "`dvc checkout` or `dvc repro` brings it"
            )

    def path(self, output: str, file: str) -> Path:  # noqa: D102
        return self._root / output / file


class Folder(Version):
    """A folder with a model, as ``save_pretrained`` writes it: all of it is the trained model."""

    has_reports = False

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = folder

    def _list(self, output: str) -> dict[str, str]:
        return hashes_of(self._folder) if output == self.declared.trained else {}

    def path(self, output: str, file: str) -> Path:  # noqa: D102
        return self._folder / file


class ModelOutput(Version):
    """An output of a version taken for a model of its own, such as ``HEAD:models/base``."""

    has_reports = False

    def __init__(self, name: str, version: Version, output: str) -> None:
        super().__init__(name)
        self._version, self._output = version, output

    def _list(self, output: str) -> dict[str, str]:
        return self._version.files(self._output) if output == self.declared.trained else {}

    def path(self, output: str, file: str) -> Path:  # noqa: D102
        return self._version.path(self._output, file)


def resolve(name: str | None, root: Path = Path()) -> Version:
    """Return the version that a name stands for.

    Args:
        name: a commit, tag or branch as Git takes it; an experiment of DVC; one of these and an
            output, as in ``v1:models/base``; a folder with a model; None for the working tree.
        root: the project's root.

    Raises:
        ProjectError: it is none of these.
    """
    if name is None:
        return Tree(root)
    if Path(name).is_dir() and not git.is_repository(root):
        return _folder(name)
    if commit := refs.find(name, root):
        return Commit(name, commit, root)
    if name and Path(name).is_dir():
        return _folder(name)
    revision, colon, output = name.partition(":")
    if colon:
        version = resolve(revision or None, root)
        if version.files(output.rstrip("/")):
            return ModelOutput(name, version, output.rstrip("/"))
        raise ProjectError(f"{version.name} has no output {output}", f"see `git show {revision}`")
    if not git.run(["rev-list", "--all", "--max-count=1"], root):
        raise ProjectError(
            "there is no commit yet", "build a version with `dvc repro`, and commit it"
        )
    raise ProjectError(
        f"'{name}' is no commit, experiment or folder",
        "this clone is shallow: type `git fetch --unshallow`"
        if git.is_shallow(root)
        else "see `git log --oneline --all` and `dvc exp list --all-commits`",
    )


def _folder(name: str) -> Folder:
    folder = Path(name)
    # All of its files are read: not those of a whole disk.
    if any(any(folder.glob(pattern)) for pattern in _MODEL_FILES):
        return Folder(folder)
    raise ProjectError(
        f"{name} is no folder with a model: it has no *.safetensors, config.json or tokenizer.json",
        "name one that save_pretrained wrote, a commit, or none for the working tree",
    )
