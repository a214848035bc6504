"""Who else keeps objects in a cache: Git worktrees, running experiments, and projects on a disk.

A cache that a project does not hold itself is one that others may use, and nothing in it says who.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.objects import repository

if TYPE_CHECKING:
    from dvc.repo import Repo

# Where DVC runs experiments that do not run in the working tree: by themselves, and from the queue.
_EXPERIMENTS = ("tmp/exps/*/.dvc", "tmp/exps/*/*/.dvc")


def folder_of(repo: "Repo") -> Path:
    """Return where a project's cache really is, links followed."""
    return Path(repo.cache.local_cache_dir).resolve()


def is_shared(repo: "Repo") -> bool:
    """Say whether others may use a project's cache: it lies outside, or is configured as shared."""
    inside = folder_of(repo).is_relative_to(Path(repo.root_dir).resolve())
    return not inside or bool(repo.config["cache"].get("shared"))


@contextlib.contextmanager
def users(repo: "Repo", named: Sequence[Path]) -> Iterator[tuple[list["Repo"], list["Repo"]]]:
    """Hold DVC's lock on all known users of a project's cache.

    Args:
        repo: the project, which is held already.
        named: folders of other projects that use the cache.

    Yields:
        The projects, each with a history of its own; and the further working trees of each.

    Raises:
        ProjectError: a named folder is no project, or uses another cache; or DVC is at work there.
    """
    with contextlib.ExitStack() as held:

        def enter(folder: Path) -> "Repo":
            other = held.enter_context(repository(folder))
            # A project can be named twice, or be a worktree of another.
            held.enter_context(other.lock)
            return other

        known = {Path(repo.root_dir).resolve()}
        projects, trees = [repo], []
        for folder in (path.resolve() for path in named):
            if folder not in known:
                known.add(folder)
                projects.append(enter(_checked(folder, repo)))
        for project in projects:
            for folder in _trees(Path(project.root_dir)):
                if folder not in known and _cache_of(folder) == folder_of(repo):
                    known.add(folder)
                    trees.append(enter(folder))
        yield projects, trees


def _checked(folder: Path, repo: "Repo") -> Path:
    if not (folder / ".dvc").is_dir():
        raise ProjectError(f"{folder} is no project of DVC", "--projects takes the top of each")
    if _cache_of(folder) != folder_of(repo):
        raise ProjectError(
            f"{folder} does not use the cache {folder_of(repo)}",
            "leave it out: nothing of it is there; `dvc cache dir` shows which one it uses",
        )
    return folder


def _cache_of(folder: Path) -> Path:
    with repository(folder) as other:
        return folder_of(other)


def _trees(root: Path) -> Iterator[Path]:
    """Yield the same project in every Git worktree, and in every experiment that is running."""
    below = git.run(["rev-parse", "--show-prefix"], root).strip()
    for line in git.run(["worktree", "list", "--porcelain"], root).splitlines():
        word, _, path = line.partition(" ")
        if word == "worktree" and (Path(path) / below / ".dvc").is_dir():
            yield (Path(path) / below).resolve()
    for pattern in _EXPERIMENTS:
        yield from (found.parent.resolve() for found in (root / ".dvc").glob(pattern))
