"""The verb: a model from elsewhere becomes a version, with its hashes, licence and card."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemma.files import atomic_directory, atomic_file, sha256_of, write_json
from stemma.importing.found import CARD, Found, find
from stemma.store import git
from stemma.store.appending import with_entry
from stemma.store.digest import digest_of
from stemma.store.dvcyaml import PIPELINE
from stemma.store.errors import ProjectError
from stemma.store.version import Tree
from stemma.versions.verification.running import last_words

FOLDER = Path("models")
ORIGIN = "origin.json"
"""Beside the model: where it is from, under which licence, and the SHA-256 of every file."""
_UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        name: of the model, as ``artifacts`` of dvc.yaml has it.
        path: where it stands, from the project's root.
        origin: where it is from.
        revision: of the origin; empty if that has none.
        license: an SPDX identifier or the words of the licence; ``unknown`` if nobody says.
        base: what it says it is made of; None if it names nothing.
        files: the SHA-256 of each file by its name.
        digest: of all of them.
        size: bytes.
        left_out: what stood beside it and is no part of a model.
        commit: that holds it; None if none was made.
    """

    name: str
    path: str
    origin: str
    revision: str
    license: str
    base: str | None
    files: dict[str, str]
    digest: str
    size: int
    left_out: tuple[str, ...]
    commit: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def import_model(
    source: str,
    *,
    name: str | None = None,
    license: str | None = None,
    commit: bool = True,
    dry_run: bool = False,
    root: Path = Path(),
) -> Imported:
    """Take a model from elsewhere into a repository.

    Its files stand in models/NAME, kept by DVC and declared in dvc.yaml as an artifact of type
    ``model``; Git gets the pointer, and a commit of nothing else.

    Args:
        source: as `find` takes it.
        name: of the model here; by default that of its folder or on the Hub.
        license: its licence, where its card does not say.
        commit: whether to commit what Git keeps of it.
        dry_run: whether only to say what would be done.
        root: the project.

    Raises:
        ProjectError: there is no such model, or one of that name is here already; this is no
            repository of DVC.
        ModelError: it is no whole model of safetensors.
    """
    _check_repository(root)
    found = find(source)
    name = _name(name or found.name)
    path = FOLDER / name
    _check_free(path, name, root)
    files = {file: sha256_of(found.folder / file) for file in found.files}
    size = sum((found.folder / file).stat().st_size for file in found.files)
    told = Imported(
        name, path.as_posix(), found.origin, found.revision, license or found.license or _UNKNOWN,
        found.base, files, digest_of(files), size, found.left_out,
    )  # fmt: skip
    if dry_run:
        return told
    with _undone(path, root):
        _write(found, told, root / path)
        pipeline = _declare(told, root)
        _dvc_add(path, root)
        written = [pipeline, f"{path}.dvc", f"{path.parent}/.gitignore"]
        return dataclasses.replace(told, commit=_commit(told, written, root) if commit else None)


def _check_repository(root: Path) -> None:
    if not git.is_repository(root):
        raise ProjectError("this is no Git repository", "`git init && dvc init` makes one")
    if not (root / ".dvc").is_dir():
        raise ProjectError("DVC is not at home here", "`dvc init` sets it up")


def _name(words: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    if not name:
        raise ProjectError(f"'{words}' cannot name a model", "--name one of letters and digits")
    return name


def _check_free(path: Path, name: str, root: Path) -> None:
    another = "--name another"
    if (root / path).exists() or (root / f"{path}.dvc").exists():
        raise ProjectError(f"{path} is there already", another)
    declared = Tree(root).declared
    if name in {one.name for one in declared.artifacts} or path.as_posix() in declared.outputs:
        raise ProjectError(f"{PIPELINE} has a model '{name}' already", another)
    if PIPELINE in git.changed(root):
        raise ProjectError(
            f"{PIPELINE} is not as HEAD has it, and the import adds to it",
            "`git commit` or `git stash` it first",
        )


@contextlib.contextmanager
def _undone(path: Path, root: Path) -> Iterator[None]:
    """Leave nothing behind of an import that does not come to its end."""
    touched = [root / PIPELINE, root / path.parent / ".gitignore", root / f"{path}.dvc"]
    before = {one: one.read_bytes() if one.exists() else None for one in touched}
    try:
        yield
    except BaseException:
        shutil.rmtree(root / path, ignore_errors=True)
        for one, content in before.items():
            if content is None:
                one.unlink(missing_ok=True)
            else:
                one.write_bytes(content)
        raise


def _write(found: Found, told: Imported, path: Path) -> None:
    from tqdm import tqdm

    with atomic_directory(path) as folder:
        with tqdm(total=told.size, desc="copying", unit="B", unit_scale=True, disable=None) as bar:
            for file in found.files:
                shutil.copyfile(found.folder / file, folder / file)
                bar.update((folder / file).stat().st_size)
        if CARD not in found.files:
            with atomic_file(folder / CARD, "w") as handle:
                handle.write(_card(told))
        facts = ("origin", "revision", "license", "base", "files")
        write_json(folder / ORIGIN, {key: getattr(told, key) for key in facts})


def _card(told: Imported) -> str:
    at = f" at {told.revision}" if told.revision else ""
    license = "other" if told.license == _UNKNOWN else told.license
    return (
        f"---\nlicense: {license}\n---\n\n# {told.name}\n\n"
        f"Imported from {told.origin}{at}, which had no card. Licence: {told.license}.\n"
    )


def _declare(told: Imported, root: Path) -> str:
    path = root / PIPELINE
    at = f" at {told.revision}" if told.revision else ""
    entry = {
        "path": told.path, "type": "model", "desc": f"imported from {told.origin}{at}",
        "labels": ["imported"],
    }  # fmt: skip
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    made = with_entry(text, "artifacts", told.name, entry, PIPELINE)
    with atomic_file(path, "w") as handle:
        handle.write(made)
    return PIPELINE


def _dvc_add(path: Path, root: Path) -> None:
    words = [sys.executable, "-m", "dvc", "add", path.as_posix()]
    done = subprocess.run(
        words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise ProjectError(
            f"`dvc add {path}` failed: {last_words(done.stdout.splitlines())}", "mend that"
        )


def _commit(told: Imported, written: list[str], root: Path) -> str:
    there = [one for one in written if (root / one).exists()]
    at = f" at {told.revision}" if told.revision else ""
    message = (
        f"Import {told.name} from {told.origin}{at}\n\n"
        f"Licence: {told.license}\nSHA-256 of its files: {told.digest}\n"
    )
    git.run(["add", "--", *there], root)
    # What the user has staged stays staged.
    git.run(["commit", "--quiet", "--message", message, "--only", "--", *there], root)
    return git.run(["rev-parse", "HEAD"], root).strip()
