"""dvc.lock as a commit has it: the stages of a version, what went in and what came out."""

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from stemma import merging
from stemma.errors import ProjectError
from stemma.layout import PARAMS
from stemma.store import git

LOCK = "dvc.lock"
_AS_IT_WAS = "`dvc repro` where that commit is checked out and a side is taken makes it whole"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where it is


@dataclasses.dataclass(frozen=True)
class Entry:
    """One dependency or output of a stage.

    Attributes:
        path: relative to the project's root.
        md5: of the file; of a folder, of its listing, ending in ``.dir``.
        size: bytes.
    """

    path: str
    md5: str
    size: int


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a version.

    Attributes:
        read: the settings that it read, by file and key.
    """

    name: str
    command: str
    deps: tuple[Entry, ...]
    outs: tuple[Entry, ...]
    read: dict[str, dict[str, Any]]

    @property
    def params(self) -> dict[str, Any]:
        """The settings that it read from params.yaml."""
        return self.params_of(PARAMS.name)

    def params_of(self, file: str) -> dict[str, Any]:
        """Return the settings that it read from a file; {} if it read none."""
        return dict(self.read.get(file) or {})


def stages_at(commit: str, root: Path = Path()) -> list[Stage]:
    """Return the stages in a commit's dvc.lock, in its order.

    Raises:
        ProjectError: the commit has no dvc.lock, or one that cannot be read.
    """
    raw = git.content(commit, LOCK, root)
    if raw is None:
        raise ProjectError(f"{commit[:10]} has no {LOCK}", "it is no version: build and commit one")
    return parse(raw, commit[:10])


def parse(text: str | bytes, owner: str) -> list[Stage]:
    """Return the stages in the text of a dvc.lock, in its order; ``owner`` is whose it is.

    Raises:
        ProjectError: it cannot be read.
    """
    if merging.has_marks(text):
        raise ProjectError(f"{LOCK} of {owner} has the marks of an unfinished merge", _AS_IT_WAS)
    try:
        return [_stage(name, raw) for name, raw in load(text)["stages"].items()]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(
            f"{LOCK} of {owner} cannot be read: {' '.join(str(error).split())}",
            "was it merged or edited by hand?",
        ) from error


def load(text: str | bytes) -> dict[str, Any]:
    """Return what a YAML file of DVC has; {} if it is empty.

    Raises:
        YAMLError: it is no YAML.
    """
    return yaml.load(text, _LOADER) or {}


def _stage(name: str, raw: dict[str, Any]) -> Stage:
    deps = tuple(_entry(item) for item in raw.get("deps", ()))
    outs = tuple(_entry(item) for item in raw.get("outs", ()))
    return Stage(name, raw["cmd"], deps, outs, raw.get("params", {}))


def _entry(raw: dict[str, Any]) -> Entry:
    return Entry(raw["path"], raw["md5"], raw.get("size", 0))
