"""The outputs that versions refer to: in the dvc.lock and ``*.dvc`` of all that Git keeps."""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from stemma import merging
from stemma.store import git, refs
from stemma.store.dvcyaml import PIPELINE
from stemma.store.errors import DamagedError
from stemma.store.lock import LOCK, load

_RECENT = 32  # files that stay parsed: most versions share their dvc.yaml with the one before


@dataclasses.dataclass(frozen=True)
class Output:
    """One output as some version has it.

    Attributes:
        path: relative to the project's root.
        key: the object's name: an MD5, of a folder that of its listing, ending in ``.dir``.
        pushed: whether ``dvc push`` would send it to a remote: not what a stage made that dvc.yaml
            has no more, since DVC leaves it in dvc.lock.
        declared: whether dvc.yaml has the stage that made it; if not, it is not known whether DVC
            ever kept it.
    """

    path: str
    key: str
    pushed: bool
    declared: bool = True


@dataclasses.dataclass
class Holders:
    """The versions that have an output.

    Attributes:
        refs: tags, branches and experiments whose tip has it.
        newest: the newest commit that has it.
        kept: whether a ref or HEAD reaches it, not only a reflog.
    """

    refs: list[str]
    newest: str
    kept: bool

    @property
    def names(self) -> list[str]:
        """The refs; where only history has it, the newest commit."""
        return sorted(self.refs) or [self.newest[:10]]


@dataclasses.dataclass(frozen=True)
class _Pointer:
    path: str
    blob: str
    pipeline: str | None


_Parse = Callable[[str, str], dict[str, Any]]  # path and blob


def outputs(root: Path = Path(), reflog: bool = False) -> dict[Output, Holders]:
    """Return every cached output in the history of every tag, branch, experiment and HEAD.

    Args:
        root: the top of the Git repository.
        reflog: also what only Git's reflogs still reach, such as an amended commit, a stash or a
            queued experiment.

    Raises:
        DamagedError: a dvc.lock, dvc.yaml or ``*.dvc`` that Git holds cannot be read.
    """
    from tqdm import tqdm

    scope = ["--all", "--reflog"] if reflog else ["--all"]
    tips = refs.tips_of(root)
    kept = set(git.run(["rev-list", "--all"], root).split())
    found: dict[Output, Holders] = {}
    with git.blobs(root) as read:
        parse = functools.lru_cache(_RECENT)(functools.partial(_parse, read))
        outputs_in = functools.cache(functools.partial(_outputs_in, parse))
        for commit, pointers in tqdm(_pointers(scope, root), "versions", unit="", disable=None):
            for pointer in pointers:
                for output in outputs_in(pointer):
                    # Git lists the newest commits first.
                    holders = found.setdefault(output, Holders([], commit, False))
                    holders.refs.extend(tips.get(commit, ()))
                    holders.kept |= commit in kept
    return found


def _pointers(scope: list[str], root: Path) -> Iterator[tuple[str, set[_Pointer]]]:
    """Yield each commit with its files that point to objects, asking Git three times in all."""
    commits = git.run(["rev-list", *scope], root).split()
    log = ["log", *scope, "-m", "--no-renames", "--diff-filter=A", "--format=", "--name-only", "-z"]
    named = git.run([*log, "--", f":(glob)**/{LOCK}", ":(glob)**/*.dvc"], root)
    paths = sorted(set(filter(None, named.split("\0"))))
    pairs = [(path, str(PurePosixPath(path).with_name(PIPELINE))) for path in paths]
    asked = "".join(f"{commit}:{path}\n" for commit in commits for pair in pairs for path in pair)
    form = "--batch-check=%(objectname)"
    told = iter(git.run(["cat-file", form], root, asked).splitlines())
    for commit in commits:
        pointers = set()
        for path, _ in pairs:
            blob, pipeline = _blob(next(told)), _blob(next(told))
            if blob is not None:
                pointers.add(_Pointer(path, blob, pipeline))
        yield commit, pointers


def _blob(line: str) -> str | None:
    return None if line.endswith(" missing") else line


def _outputs_in(parse: _Parse, pointer: _Pointer) -> tuple[Output, ...]:
    raw = parse(pointer.path, pointer.blob)
    folder = PurePosixPath(pointer.path).parent
    try:
        if PurePosixPath(pointer.path).name == LOCK:
            pipeline = parse(PIPELINE, pointer.pipeline) if pointer.pipeline else {}
            return tuple(_locked(raw, pipeline, folder))
        imported = any("repo" in dep for dep in raw.get("deps", ()))
        return tuple(_entries(raw.get("outs", ()), {}, folder, not imported))
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(pointer.path, pointer.blob, error) from error


def _locked(
    raw: dict[str, Any], pipeline: dict[str, Any], folder: PurePosixPath
) -> Iterator[Output]:
    for name, stage in (raw.get("stages") or {}).items():
        # A stage of a foreach or matrix is name@item in the lock.
        declared = (pipeline.get("stages") or {}).get(name.partition("@")[0]) or {}
        flags = _flags(declared := declared.get("do", declared))
        wdir = folder / declared.get("wdir", ".")
        for out in _entries(stage.get("outs", ()), flags, wdir, bool(declared)):
            yield dataclasses.replace(out, declared=bool(declared))


def _flags(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what dvc.yaml says of a stage's outputs, by a pattern that matches their paths."""
    found = {}
    for kind in ("outs", "metrics", "plots"):
        for item in stage.get(kind) or ():
            for path, flags in item.items() if isinstance(item, dict) else ():
                pattern = ".*".join(re.escape(part) for part in re.split(r"\$\{[^}]*\}", path))
                found[pattern] = flags or {}
    return found


def _entries(
    outs: list[dict[str, Any]],
    declared: dict[str, dict[str, Any]],
    folder: PurePosixPath,
    push: bool,
) -> Iterator[Output]:
    for out in outs:
        path = out["path"]
        flags = next((flags for like, flags in declared.items() if re.fullmatch(like, path)), out)
        if flags.get("cache", True) and "md5" in out:
            yield Output(str(folder / path), out["md5"], push and flags.get("push", True))


def _parse(read: Callable[[str], bytes], path: str, blob: str) -> dict[str, Any]:
    content = read(blob)
    if merging.has_marks(content):
        raise _refused(path, blob, "has the marks of an unfinished merge")
    try:
        return load(content)
    except yaml.YAMLError as error:
        raise _unreadable(path, blob, error) from error


def _unreadable(path: str, blob: str, error: Exception) -> DamagedError:
    return _refused(path, blob, f"cannot be read: {' '.join(str(error).split())}")


def _refused(path: str, blob: str, why: str) -> DamagedError:
    return DamagedError(
        f"{path} (Git object {blob[:10]}) {why}",
        f"`git log --all --find-object={blob[:10]}` shows the commits that have it",
    )
