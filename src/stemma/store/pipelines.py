"""The files by which Git knows what DVC keeps: dvc.yaml, dvc.lock and ``*.dvc``, in any folder.

A repository may have several dvc.yaml, each with a dvc.lock beside it, and outputs that ``dvc add``
or ``dvc import`` brought, each with a ``.dvc`` file. Together they are one version: what it was
made of (`Lock`) and what it consists of (`Declared`), with all paths from the project's root.
"""

import hashlib
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from stemma import memo
from stemma.layout import PARAMS
from stemma.store import declared, dvcyaml, git
from stemma.store.declared import Declared
from stemma.store.dvcyaml import PIPELINE
from stemma.store.errors import DamagedError
from stemma.store.lock import LOCK, Lock, added, moved, parse

ADDED = ".dvc"
"""The ending of the file of an output that no stage makes."""
TOP = (LOCK, PIPELINE)
"""Those of a project with one pipeline, at its top."""
_EVER = ("log", "-m", "--no-renames", "--diff-filter=A", "--format=", "--name-only", "--relative")
_KINDS = tuple(f":(glob)**/{name}" for name in (LOCK, PIPELINE, f"*{ADDED}"))
_MEMO = "pipelines"


def is_pointer(path: str) -> bool:
    """Say whether a file points to bytes that DVC keeps."""
    return posixpath.basename(path) == LOCK or path.endswith(ADDED)


def ever(root: Path = Path()) -> tuple[str, ...]:
    """Return the paths of all such files that any version ever had, those at the top first.

    They are kept for the next time, when only what is new in the repository is looked through.

    Raises:
        ProjectError: this is no repository.
    """
    tips = {*git.run(["rev-parse", "--all"], root).split(), git.find("HEAD", root) or ""} - {""}
    kept = memo.recall(_MEMO, root)
    seen, names = set(kept.get("tips", ())), set(kept.get("names", ()))
    if new := tips - seen:
        # A commit that is gone since then is no reason to stop.
        asked = "".join(f"{one}\n" for one in sorted(new)) + "".join(f"^{one}\n" for one in seen)
        words = [*_EVER, "-z", "--ignore-missing", "--stdin", "--", *_KINDS]
        told = git.run(words, root, asked).split("\0")
        names |= {path.strip("\n") for path in told} - {""}
        memo.keep(_MEMO, {"tips": sorted(tips), "names": sorted(names)}, root)
    return (*TOP, *sorted(names - {*TOP}))


def at(commit: str, root: Path = Path()) -> tuple[str, ...]:
    """Return the paths of all such files of a commit, those at the top first."""
    listed = git.run(["ls-tree", "-r", "-z", "--name-only", commit, "./"], root).split("\0")
    return of(listed)


def here(root: Path = Path()) -> tuple[str, ...]:
    """Return the paths of all such files that Git knows or does not ignore in the working tree."""
    words = ["ls-files", "-z", "-c", "-o", "--exclude-standard", "--deduplicate", "--", *_KINDS]
    return of(git.run(words, root).split("\0"))


def of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return those paths that are such files, those at the top first."""
    found = {path for path in paths if is_pointer(path) or posixpath.basename(path) == PIPELINE}
    return (*(one for one in TOP if one in found), *sorted(found - {*TOP}))


def key_of(blobs: Mapping[str, str]) -> str | None:
    """Return by what a version is told from others; None if nothing points to DVC's bytes.

    Args:
        blobs: Git's hash of each file by path.
    """
    pointing = {path: blob for path, blob in sorted(blobs.items()) if is_pointer(path)}
    if len(pointing) == 1 and LOCK in pointing:
        return pointing[LOCK]
    told = "".join(f"{blob}  {path}\n" for path, blob in pointing.items())
    return hashlib.sha1(told.encode()).hexdigest() if told else None


def keys_at(commits: Sequence[str], root: Path = Path()) -> dict[str, str]:
    """Return the keys of commits, of those that have one.

    Raises:
        ProjectError: Git knows no such commit.
    """
    names = [name for name in ever(root) if is_pointer(name)] if commits else []
    found = blobs_at(commits, [names] * len(commits), root)
    keys = {commit: key_of(blobs) for commit, blobs in zip(commits, found, strict=True)}
    return {commit: key for commit, key in keys.items() if key}


def blobs_at(
    commits: Sequence[str], names: Sequence[Sequence[str]], root: Path = Path()
) -> list[dict[str, str]]:
    """Return Git's hash by path of those files that a commit has, for each commit.

    Args:
        commits: the commits.
        names: for each of them, which files are asked for.
        root: the project's root.
    """
    pairs = [*zip(commits, names, strict=True)]
    asked = "".join(f"{commit}:./{path}\n" for commit, paths in pairs for path in paths)
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    lines = iter(told)
    return [
        {path: line for path in paths if not (line := next(lines)).endswith(" missing")}
        for _, paths in pairs
    ]


def read(
    names: Iterable[str],
    content: Callable[[str], bytes | None],
    owner: str,
    lenient: bool = False,
) -> tuple[Lock, Declared]:
    """Return what a version was made of, and what it consists of.

    Args:
        names: of its files, as ``of`` returns them.
        content: gives the bytes of a file of the version; None if it has no such file.
        owner: whose they are, for an error.
        lenient: whether a dvc.yaml that cannot be read declares nothing.

    Raises:
        ProjectError: a file cannot be read.
    """
    names = [*names]
    folders = dict.fromkeys(posixpath.dirname(name) for name in names if not name.endswith(ADDED))
    locks: list[Lock] = []
    parts: list[Declared] = []
    for folder in folders:
        raw = content(posixpath.join(folder, LOCK))
        said = f"{folder} of {owner}" if folder else owner
        pipeline = content(posixpath.join(folder, PIPELINE))
        lock = Lock(()) if raw is None else parse(raw, said)
        lock = moved(lock, folder, dvcyaml.working(pipeline or b""))
        try:
            part = _declared(folder, pipeline, content, lock, said)
        except DamagedError:
            if not lenient:
                raise
            part = declared.CONVENTION
        parts.append(part)
        locks.append(lock)
    brought: dict[str, tuple[str, int]] = {}
    for name in names:
        if name.endswith(ADDED):
            brought |= added(content(name), f"{name} of {owner}", posixpath.dirname(name))
    return Lock.joined(locks, brought), declared.joined(parts)


def _declared(
    folder: str,
    raw: bytes | None,
    content: Callable[[str], bytes | None],
    lock: Lock,
    owner: str,
) -> Declared:
    if raw is None or not dvcyaml.is_template(raw):
        return dvcyaml.parse(raw, owner, folder=folder)
    params = content(posixpath.join(folder, PARAMS.as_posix()))
    return dvcyaml.parse(raw, owner, params, lock.outs, folder)
