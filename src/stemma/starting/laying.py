"""What a new project would write, and what it would meet: nothing here writes."""

import dataclasses
import keyword
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Literal

from stemma import own
from stemma.layout import CODE, PARAMS
from stemma.starting import pipeline, template
from stemma.store.errors import ProjectError

Action = Literal["new", "added to", "kept"]
COMPOSED = (PARAMS.as_posix(), CODE.as_posix())
"""What `stemma compose` writes."""
# Whole files that make a project: none can be shared with something else.
_ALONE = (*COMPOSED, "conf/config.yaml", "conf/registry.yaml")
_LINES = (".gitignore", ".dvcignore")
_TABLE = "[tool.stemma]"
_BESIDE = "`stemma init --subdir FOLDER` starts a project beside what is there"


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a new project.

    Attributes:
        path: from the project's top.
        action: what becomes of it.
        text: what it will hold; None if it is kept, or composed later.
    """

    path: str
    action: Action
    text: str | None


def names(folder: Path, name: str | None) -> tuple[str, str]:
    """Return the name of a project and of its Python package.

    Raises:
        ProjectError: no package can have that name, or one of Python's own has it.
    """
    name = name or folder.resolve().name
    package = re.sub(r"\W|^(?=\d)", "_", name.lower(), flags=re.ASCII)
    taken = package in sys.stdlib_module_names or package in own.OURS
    if keyword.iskeyword(package) or taken or not package.strip("_"):
        raise ProjectError(f"a package cannot be called {package!r}", "--name gives another name")
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or package, package


def plan(folder: Path, name: str, package: str) -> list[File]:
    """Return every file of a new project, in a folder that may hold others.

    Raises:
        ProjectError: there is a file that cannot be shared.
    """
    wanted = {**template.files(name, package), pipeline.NAME: pipeline.text()}
    there = [one for one in _ALONE if (folder / one).exists()]
    if there:
        raise ProjectError(f"{', '.join(there)} in {folder} would be overwritten", _BESIDE)
    found = [_planned(folder, path, text) for path, text in wanted.items()]
    found += [File(path, "new", None) for path in COMPOSED]
    return sorted(found, key=lambda file: file.path)


def _planned(folder: Path, path: str, text: str) -> File:
    file = folder / path
    if not file.exists():
        blocked = next((one for one in file.parents if one.exists()), folder)
        if not blocked.is_dir():
            raise ProjectError(f"{blocked} is no folder, which {path} needs", _BESIDE)
        return File(path, "new", text)
    if file.is_dir():
        raise ProjectError(f"{file} is a folder, where a file is to stand", _BESIDE)
    if path == pipeline.NAME:
        return File(path, "added to", pipeline.added_to(_read(file)))
    if path in _LINES:
        return _with_lines(file, path, text)
    if path == "pyproject.toml":
        table = text[text.index(_TABLE) :]
        return File(path, "added to", f"{_read(file).rstrip()}\n\n{table}")
    return File(path, "kept", None)


def _with_lines(file: Path, path: str, text: str) -> File:
    before = _read(file)
    missing = [line for line in text.splitlines() if line not in before.splitlines()]
    if not any(not line.startswith("#") for line in missing):
        return File(path, "kept", None)
    return File(path, "added to", "\n".join([*before.splitlines(), *missing]) + "\n")


def table(folder: Path) -> dict[str, Any] | None:
    """Return ``[tool.stemma]`` of the project in a folder; None if it is no project of Stemma.

    Raises:
        ProjectError: its pyproject.toml cannot be read.
    """
    project = folder / "pyproject.toml"
    try:
        said = tomllib.loads(_read(project)) if project.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{project} cannot be read: {error}", "mend it") from error
    return said.get("tool", {}).get("stemma")


def refuse_a_second(folder: Path) -> None:
    """Refuse a folder that is a project of Stemma.

    Raises:
        ProjectError: it is one, or its pyproject.toml cannot be read.
    """
    if table(folder) is not None:
        raise ProjectError(
            f"{folder.resolve().name} is a project of Stemma already", "its settings are in conf/"
        )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{file} is no text: {error}", "mend it") from error
