"""Brings the template of another Stemma into a project: a three-way merge, which Git does.

The template has a line of history of its own. Its first commit is that of `stemma init`; each
upgrade adds one, which holds what `init` would have written into the same place, and merges it. So
Git has the base of every merge, and what the project changed since stays.
"""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemma.starting import laying, pipeline, template
from stemma.starting.laying import COMPOSED, names, plan
from stemma.store import git
from stemma.store.errors import ProjectError

_TRAILER = "Stemma-Template"
_PROJECT = "pyproject.toml"


@dataclasses.dataclass(frozen=True)
class Upgraded:
    """What an upgrade did, or would do.

    Attributes:
        before: the version of Stemma whose template the project has.
        after: that of the installed one.
        branch: on which the merge stands; None if nothing was written.
        files: of the template that differ between the two, with Git's letter for what changed.
        conflicts: the files in which the project and the template changed the same lines.
    """

    before: str
    after: str
    branch: str | None
    files: dict[str, str]
    conflicts: tuple[str, ...] = ()


def upgrade(root: Path = Path(), *, dry_run: bool = False) -> Upgraded:
    """Merge the template of the installed Stemma, on a branch of its own.

    Args:
        root: the project's top.
        dry_run: change nothing; Git collects what it leaves.

    Raises:
        ProjectError: it is no project that `stemma init` started, its state is not clean, or the
            branch is there already.
    """
    table = _table(root)
    first = _first(root)
    if changed := git.changed(root):
        raise ProjectError(f"{changed[0]} is not committed", "commit or stash it first")
    branch, after = f"stemma-{template.version()}", template.version()
    if git.find(f"refs/heads/{branch}", root):
        raise ProjectError(f"there is a branch {branch} already", f"`git branch -d {branch}` first")
    lines = [first, *git.run(["log", "--format=%H", f"--grep=^{_TRAILER}: "], root).split()[::-1]]
    commit = _commit(root, lines, _written(root, first, table))
    told = git.run(["diff", "--name-status", "--no-renames", "-z", lines[-1], commit], root)
    words = told.split("\0")[:-1]
    files = dict(zip(words[1::2], words[::2], strict=True))
    if dry_run or not files:
        return Upgraded(str(table["version"]), after, None, files)
    git.run(["switch", "--quiet", "--create", branch], root)
    return Upgraded(str(table["version"]), after, branch, files, _merged(root, commit, after))


def _table(root: Path) -> dict[str, Any]:
    found = laying.table(root) or {}
    if "version" not in found:
        raise ProjectError(
            f"{_PROJECT} has no [tool.stemma] that says by which Stemma the project was laid out",
            "`stemma init` starts a project; a checkout of Stemma is upgraded by `git merge`",
        )
    return found


def _first(root: Path) -> str:
    """Return the commit of `stemma init`."""
    wanted = ["log", "--reverse", "--format=%H", "-S[tool.stemma]", "HEAD", "--", _PROJECT]
    commits = git.run(wanted, root).split()
    if git.is_shallow(root):
        raise ProjectError("this clone is shallow", "type `git fetch --unshallow`")
    if not commits:
        raise ProjectError(
            "the commit of `stemma init` is not in this history", "was it rewritten?"
        )
    return commits[0]


def _written(root: Path, first: str, table: dict[str, Any]) -> dict[str, str]:
    """Return what `stemma init` would write today where it once did, by path."""
    name, package = names(root, table.get("name"))
    package = table.get("package", package)
    with tempfile.TemporaryDirectory() as folder:
        for path in [*template.files(name, package), pipeline.NAME]:
            before = git.content(f"{first}^", path, root)
            if before is not None:
                (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / path).write_bytes(before)
        return {file.path: file.text for file in plan(Path(folder), name, package) if file.text}


def _commit(root: Path, lines: list[str], files: dict[str, str]) -> str:
    """Return a commit after the last of the template's, with these files in place of its own."""
    version = template.version()
    prefix = git.run(["rev-parse", "--show-prefix"], root).strip()
    added = ["diff-tree", "--root", "-r", "--no-commit-id", "--name-only", "--diff-filter=A"]
    kept = {prefix + path for path in (*files, *COMPOSED)}
    with _worktree(root, lines[-1]) as tree:
        for path in {
            one for commit in lines for one in git.run([*added, commit], root).split("\n")
        }:
            if path and path not in kept and not path.startswith(f"{prefix}.dvc/"):
                (tree / path).unlink(missing_ok=True)
        for path, text in files.items():
            (tree / prefix / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / prefix / path).write_text(text, encoding="utf-8")
        git.run(["add", "--force", "--all"], tree)
        message = f"The template of Stemma {version}\n\n{_TRAILER}: {version}\n"
        git.run(["commit", "--quiet", "--no-verify", "--allow-empty", "-m", message], tree)
        return git.run(["rev-parse", "HEAD"], tree).strip()


@contextlib.contextmanager
def _worktree(root: Path, commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "template"
        git.run(["worktree", "add", "--quiet", "--detach", str(tree), commit], root)
        try:
            yield tree
        finally:
            git.run(["worktree", "remove", "--force", str(tree)], root)


def _merged(root: Path, commit: str, version: str) -> tuple[str, ...]:
    """Merge a commit of the template; return the files with conflicts, which are marked."""
    try:
        message = f"Upgrade to the template of Stemma {version}"
        git.run(["merge", "--quiet", "--no-ff", "-m", message, commit], root)
    except ProjectError:
        conflicts = tuple(git.unmerged(root))
        if not conflicts:
            raise
        return conflicts
    return ()
