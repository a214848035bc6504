"""The names of versions: tags, branches and DVC's experiments, and the grammar of revisions."""

import re
from collections.abc import Sequence
from pathlib import Path

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.events import is_event

_LAST = ("refs/exps/", "refs/remotes/", "refs/heads/")  # behind tags, the last of all first
_EXPERIMENTS = "refs/exps/*/*/*"
_RANGE = re.compile(r"(^\^|\.{2,3})")


def names(root: Path = Path()) -> list[tuple[str, str]]:
    """Return the refs with their commits: tags, branches, those of remotes, experiments.

    HEAD comes first of all where no branch is checked out. Tags of a registry that name no version
    are left out: `stemma.store.registry` reads them.
    """
    form = "%(refname) %(objectname) %(*objectname)"
    lines = git.run(["for-each-ref", f"--format={form}"], root).splitlines()
    listed = [line.split() for line in lines]
    listed.sort(key=lambda words: (*(words[0].startswith(kind) for kind in _LAST), words[0]))
    found = [(_short(words[0]), words[-1]) for words in listed]
    if not git.run(["branch", "--show-current"], root).strip():
        found.insert(0, ("HEAD", commit_of("HEAD", root)))
    return [(name, commit) for name, commit in found if name is not None and not is_event(name)]


def tips_of(root: Path = Path()) -> dict[str, list[str]]:
    """Return the names of the refs at each commit, as ``names`` has them."""
    tips: dict[str, list[str]] = {}
    for name, commit in names(root):
        tips.setdefault(commit, []).append(name)
    return tips


def find(name: str, root: Path = Path()) -> str | None:
    """Return the full hash of the commit that a revision or an experiment of DVC names.

    Returns:
        None if there is no such commit.

    Raises:
        ProjectError: there is no Git repository.
    """
    return git.find(name, root) or git.find(experiment(name, root), root)


def commit_of(name: str, root: Path = Path()) -> str:
    """Return the full hash of the commit that a revision or an experiment of DVC names.

    Raises:
        ProjectError: there is no such commit.
    """
    if commit := find(name, root):
        return commit
    raise ProjectError(f"'{name}' names no commit", "see `git log --oneline --all`")


def experiment(name: str, root: Path = Path()) -> str:
    """Return the ref of an experiment of DVC; empty if there is none of this name."""
    return next((ref for ref in _below_exps(root) if ref.split("/", 4)[4] == name), "")


def experiments(root: Path = Path()) -> list[str]:
    """Return the refs of all experiments of DVC."""
    return [ref for ref in _below_exps(root) if is_experiment(ref)]


def is_experiment(ref: str) -> bool:
    """Say whether a ref is an experiment of DVC's."""
    # refs/exps/<2 digits>/<38 digits>/<name>; DVC keeps its own affairs in exec, stash and celery.
    parts = ref.split("/")
    return parts[:2] == ["refs", "exps"] and len(parts) == 5 and len(parts[2]) == 2


def parse_scope(
    words: Sequence[str], everything: bool, with_experiments: bool, root: Path = Path()
) -> tuple[list[str], str | None]:
    """Return the revisions that a user means for ``git log``, and a path if the last word is one.

    Args:
        words: revisions and ranges, and perhaps a path behind them.
        everything: whether all branches and tags are meant too.
        with_experiments: whether all experiments of DVC are meant too, and HEAD.
        root: the project's root.

    Raises:
        ProjectError: a word is neither.
    """
    scope, path = [_range(word, root) for word in words], None
    if scope and not scope[-1]:
        scope.pop()
        path = words[-1]
    if not all(scope):
        wrong = words[scope.index("")]
        raise ProjectError(f"'{wrong}' is no revision", "see `git log --oneline --all`")
    if everything:
        scope += ["--branches", "--tags", "--remotes"]
    if with_experiments:
        scope += ["HEAD", *experiments(root)]
    return scope, path


def _range(word: str, root: Path) -> str:
    """Return a revision or range, an experiment by its ref; empty if the word is none."""
    parts = _RANGE.split(word)
    for index in range(0, len(parts), 2):
        if parts[index] and not git.find(parts[index], root):
            parts[index] = experiment(parts[index], root)
            if not parts[index]:
                return ""
    return "".join(parts) if any(parts[::2]) else ""


def _below_exps(root: Path) -> list[str]:
    return git.run(["for-each-ref", "--format=%(refname)", _EXPERIMENTS], root).split()


def _short(ref: str) -> str | None:
    kind, _, name = ref.removeprefix("refs/").partition("/")
    if kind in ("heads", "tags", "remotes"):
        return None if name.endswith("/HEAD") else name
    return ref.split("/")[4] if is_experiment(ref) else None
