"""Where a version stands: its commit, its names, the versions before it, and what taints it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stemma.corpus.revoked import Revocation, read
from stemma.layout import CONF, REVOKED
from stemma.store import git, pipelines
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK, Stage
from stemma.store.refs import tips_of
from stemma.store.version import Version
from stemma.versions.history.records import Record, records
from stemma.versions.verification.notes import read as verdicts


def standing(version: Version, root: Path) -> dict[str, Any]:
    """Return where a version stands in the history.

    Returns:
        ``commit``, ``date``, ``author``, ``subject`` and ``refs`` are those of its commit;
        ``made_in`` is the commit that brought its dvc.lock, None if none did; ``changed_since`` are
        the files that are different in the working tree since then; ``parents`` are the versions
        before it, with the same facts as its commit; ``verified`` are the verdicts on either
        commit, the newest last; ``tainted`` is what ``tainted`` returns.

    Raises:
        ProjectError: a dvc.lock that Git holds cannot be read.
        DataError: a manifest or a line of data/revoked.jsonl is torn.
    """
    own, parents = _record(version, root)
    facts: dict[str, Any] = {"commit": None}
    told = [] if version.commit is None else [version.commit]
    refs = tips_of(root) if git.find("HEAD", root) else {}
    found = [
        {**one, "refs": sorted(refs.get(one["commit"], ()))}
        for one in git.signed([*told, *parents], root)
    ]
    if told:
        facts = found.pop(0)
    commits = dict.fromkeys(filter(None, [version.commit, own.commit if own else None]))
    return {
        **facts,
        "made_in": own.commit if own else None,
        "changed_since": _edited(own, root) if own and version.commit is None else [],
        "parents": found,
        "verified": [
            {"commit": commit, **dataclasses.asdict(one)}
            for commit in reversed(commits)
            for one in verdicts(commit, root)
        ],
        "tainted": tainted(own.commit, root) if own else None,
    }


def _record(version: Version, root: Path) -> tuple[Record | None, Sequence[str]]:
    """Return the version in the history that has this one's dvc.lock, and those before it."""
    tip = version.commit or git.find("HEAD", root)
    newest = records(["-1", tip], root) if tip else []
    if not newest:
        return None, ()
    if version.commit is None:
        paths = [path for path in version.pointers() if pipelines.is_pointer(path)]
        told = git.run(["hash-object", "--", *paths], root).split() if paths else []
        if pipelines.key_of(dict(zip(paths, told, strict=True))) != newest[0].key:
            return None, (newest[0].commit,)
    return newest[0], newest[0].parents


def _edited(own: Record, root: Path) -> list[str]:
    """Return the files in Git that a version read or made and that the working tree has changed.

    dvc.lock does not know of such an edit before the next `dvc repro`.
    """
    # An edit of conf/ counts where it changed a setting.
    named = {*own.lock.deps, *own.lock.outs} - {CONF.as_posix()}
    inside = sorted(path for path in named if not path.startswith(("/", "../")))
    arguments = ["diff", "--name-only", "--relative", "-z", own.commit, "--", *inside]
    return list(filter(None, git.run(["--literal-pathspecs", *arguments], root).split("\0")))


def tainted(commit: str, root: Path) -> dict[str, Any] | None:
    """Return why a version may not be used: it learnt what is revoked today; None if it may.

    Returns:
        ``records`` are the revoked documents that it holds; ``through`` are the versions that hold
        some and from which it descends; ``unknown`` is why this cannot be told, None if it can.

    Raises:
        DataError: a manifest or a line of data/revoked.jsonl is torn.
    """
    entries = read(root / REVOKED)
    if not entries:
        return None
    # pyarrow takes half a second.
    from stemma.versions.tracing.taints import taints

    trace = taints(records(["--all", commit], root), root).get(commit)
    if trace is None:
        return None
    return {
        "records": [
            {"id": one.id, "split": one.split, "why": _why(one.id, one.sha256, entries)}
            for one in trace.matches
            if one.split
        ],
        "through": list(trace.through),
        "unknown": trace.unknown,
    }


def _why(identifier: str, sha256: str, entries: Sequence[Revocation]) -> str:
    return next(one.why for one in entries if identifier == one.id or sha256 == one.sha256)


def ordered(stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages in an order in which each comes after those that make what it reads.

    Raises:
        ProjectError: the stages of dvc.lock form a circle.
    """
    makers = {out.path: stage.name for stage in stages for out in stage.outs}
    needs = {
        stage.name: {makers[dep.path] for dep in stage.deps if dep.path in makers}
        for stage in stages
    }
    left, found = list(stages), []
    while left:
        done = {stage.name for stage in found}
        ready = next((stage for stage in left if needs[stage.name] <= done), None)
        if ready is None:
            raise ProjectError(
                f"{LOCK}: {left[0].name} needs what is made of it", "was it edited by hand?"
            )
        found.append(ready)
        left.remove(ready)
    return found
