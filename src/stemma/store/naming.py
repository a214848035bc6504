"""What a name stands for: a version, one of its models, or a folder with a model."""

import dataclasses
import functools
from pathlib import Path

from stemma.hashes import hashes_of
from stemma.store import git, refs
from stemma.store.declared import CONVENTION, Declared
from stemma.store.errors import ProjectError
from stemma.store.version import Commit, Tree, Version

RESULTS = (".parquet", ".jsonl", ".csv")
"""Endings of files with results by example."""
_MODEL_FILES = ("*.safetensors", "config.json", "tokenizer.json")  # a model has one of them


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


class Results(Version):
    """A file with results by example, of anybody's evaluation."""

    has_reports = False

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self._file = file

    @functools.cached_property
    def declared(self) -> Declared:  # noqa: D102 (as Version)
        path = self._file.as_posix()
        return dataclasses.replace(CONVENTION, examples=path, metrics=path, all_metrics=())

    def get(self, path: str) -> bytes | None:  # noqa: D102
        return self._file.read_bytes() if path == self._file.as_posix() else None

    def _list(self, output: str) -> dict[str, str]:
        return {}

    def path(self, output: str, file: str) -> Path:  # noqa: D102
        return self._file


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
            output, as in ``v1:models/base``; a folder with a model; a file with results by example;
            None for the working tree.
        root: the project's root.

    Raises:
        ProjectError: it is none of these.
    """
    if name is None:
        return Tree(root)
    if name.endswith(RESULTS) and Path(name).is_file():
        return Results(Path(name))
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
