"""Starts a project of one's own, in a new folder or in a repository that is there.

All of it is checked before anything is written, and what was written is taken back on an error.
"""

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from stemma.files import atomic_file
from stemma.starting.laying import COMPOSED, File, names, plan, refuse_a_second
from stemma.store import git
from stemma.store.errors import ProjectError

_DVC = (".dvc/config", ".dvc/.gitignore")


@dataclasses.dataclass(frozen=True)
class Started:
    """A project that was started, or would be.

    Attributes:
        folder: where.
        name: of the project.
        package: of its own code.
        files: every file of it, and what becomes of each.
        commit: the commit that has them; None where nothing was written.
    """

    folder: Path
    name: str
    package: str
    files: tuple[File, ...]
    commit: str | None


def init(
    folder: Path, name: str | None = None, *, subdir: bool = False, dry_run: bool = False
) -> Started:
    """Start a project.

    Args:
        folder: where; it need not exist.
        name: of the project; by default that of the folder.
        subdir: the folder is within a Git repository, whose top is elsewhere.
        dry_run: write nothing.

    Raises:
        ProjectError: there is a project, the Git state is not clean, a file would be overwritten,
            or the folder cannot be written.
    """
    refuse_a_second(folder)
    top = _checked(folder, subdir)
    name, package = names(folder, name)
    files = plan(folder, name, package)
    inside = (folder / ".dvc").is_dir()
    new = _DVC[:1] if inside else _DVC
    files += [File(path, "added to" if inside else "new", None) for path in new]
    if dry_run:
        return Started(folder, name, package, tuple(files), None)
    with _taken_back(folder, files, new_repository=top is None):
        for file in files:
            if file.text is not None:
                with atomic_file(folder / file.path, "w") as handle:
                    handle.write(file.text)
        _prepare(folder, new_repository=top is None, with_dvc=inside, subdir=subdir)
        _run(folder, "stemma.cli", "compose")
        commit = _commit(folder, [file.path for file in files if file.action != "kept"], name)
    return Started(folder, name, package, tuple(files), commit)


def _checked(folder: Path, subdir: bool) -> Path | None:
    """Return the top of the Git repository that a folder is in; None if it is in none."""
    above = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not above.is_dir():
        raise ProjectError(f"{above} is a file, not a folder", "name another")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ProjectError(f"{above} cannot be written", "you lack the rights; name another folder")
    if not git.is_repository(above):
        if subdir:
            raise ProjectError(f"{folder} is in no Git repository", "leave out --subdir")
        git.run(["var", "GIT_COMMITTER_IDENT"], above)
        return None
    top = Path(git.run(["rev-parse", "--show-toplevel"], above).strip())
    if top.resolve() != folder.resolve() and not subdir:
        raise ProjectError(
            f"{folder} is inside of another project, {top.name}",
            "`stemma init --subdir FOLDER` starts one within it",
        )
    changed = git.run(["status", "--porcelain"], top).splitlines()
    if changed:
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise ProjectError(
            f"{changed[0][3:]}{more} in {top.name} is not committed", "commit or stash it first"
        )
    git.run(["var", "GIT_COMMITTER_IDENT"], top)
    return top


def _prepare(folder: Path, *, new_repository: bool, with_dvc: bool, subdir: bool) -> None:
    if new_repository:
        git.run(["init", "--quiet"], folder)
    if not with_dvc:
        # Its .dvcignore stands already, and DVC leaves it alone.
        _run(folder, "dvc", "init", "--quiet", *(["--subdir"] if subdir else []))
    for key in ("hydra.enabled", *(() if with_dvc else ("core.autostage",))):
        _run(folder, "dvc", "config", key, "true")


def _commit(folder: Path, paths: list[str], name: str) -> str:
    git.run(["add", "--force", "--", *paths], folder)
    git.run(["commit", "--quiet", "-m", f"Start {name}, a project of Stemma", "--", *paths], folder)
    return git.run(["rev-parse", "HEAD"], folder).strip()


def _run(folder: Path, module: str, *words: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "DVC_ROOT"}
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder, env=kept, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise ProjectError(f"{module.split('.')[0]} {words[0]}: {lines[-1].strip()}")


@contextlib.contextmanager
def _taken_back(folder: Path, files: list[File], *, new_repository: bool) -> Iterator[None]:
    """On an error, a Ctrl-C too, leave all as it was."""
    missing = [one for one in (folder.absolute(), *folder.absolute().parents) if not one.exists()]
    wanted = [*(file.path for file in files), *COMPOSED]
    before = {path: _bytes(folder / path) for path in wanted}
    dvc = (folder / ".dvc").exists()
    try:
        yield
    except BaseException:
        if missing:
            shutil.rmtree(missing[-1], ignore_errors=True)
            raise
        if not new_repository:
            git.run(["reset", "--quiet", "--", *before], folder)
        for path, content in before.items():
            _restore(folder, path, content)
        for made in ([] if dvc else [".dvc"]) + ([".git"] if new_repository else []):
            shutil.rmtree(folder / made, ignore_errors=True)
        raise


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _restore(folder: Path, path: str, content: bytes | None) -> None:
    file = folder / path
    if content is not None:
        file.write_bytes(content)
        return
    file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the folders that are empty now
        for parent in file.parents:
            if parent == folder:
                break
            parent.rmdir()
