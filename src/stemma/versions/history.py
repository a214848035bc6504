"""Every version of a repository with what it was made of, from Git alone and in three questions."""

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from stemma.layout import (
    BASE,
    CONF,
    ENVIRONMENT,
    INPUT,
    METRICS,
    PARAMS,
    RAW,
    RECORD,
    REPORTS,
)
from stemma.versions import git
from stemma.versions.locks import LOCK, parse

Kind = Literal["base", "data", "settings", "code", "environment"]
KINDS: tuple[Kind, ...] = ("base", "data", "settings", "code", "environment")
# A change of what these stages make is one of its kind, whatever it came from.
_OUTPUTS: dict[Kind, str] = {"base": BASE.as_posix(), "data": RAW.as_posix()}
EXAMPLES = REPORTS / "examples.parquet"
# What git says of a version: its dvc.lock and the rest that Git keeps of it.
_FILES = (LOCK, PARAMS.as_posix(), METRICS.as_posix(), EXAMPLES.as_posix())
_SETTING = re.compile(r"^( *)([^\s:-][^:]*):(?: (.+))?$")
_FORMAT = "%x01" + "%x02".join(("%H", "%P", "%an", "%as", "%s"))
# dvc.lock as DVC writes it; a YAML reader takes 7 ms for one, and there may be thousands.
_ENTRY = re.compile(
    r"^    (?P<part>deps|params|outs):$"
    r"|^    - path: (?P<path>\S.*)\n      hash: md5\n      md5: (?P<md5>\S+)\n"
    r"      size: (?P<size>\d+)$",
    re.MULTILINE,
)


@dataclasses.dataclass(frozen=True)
class Lock:
    """The hashes in a dvc.lock, by path.

    Attributes:
        deps: MD5 of what no stage made.
        outs: MD5 and bytes.
    """

    deps: Mapping[str, str]
    outs: Mapping[str, tuple[str, int]]


@dataclasses.dataclass(frozen=True)
class Record:
    """A version in the history.

    Attributes:
        graph: what ``git log --graph`` draws: lines of edges, and last that of the version.
        parents: the versions before it; commits that left dvc.lock as it was are no versions.
        date: of the author, YYYY-MM-DD.
        key: Git's hash of its dvc.lock.
        settings: params.yaml by dotted key, values as text; {} without one.
        metrics: what reports/metrics.json has; {} without one.
        examples: Git's hash of its figures by document; None without any.
    """

    commit: str
    graph: tuple[str, ...]
    parents: tuple[str, ...]
    author: str
    date: str
    subject: str
    key: str
    lock: Lock
    settings: Mapping[str, str]
    metrics: Mapping[str, Any]
    examples: str | None


def records(scope: Sequence[str], root: Path = Path()) -> list[Record]:
    """Return the versions that Git reaches, newest first.

    Args:
        scope: revisions and ranges as ``git log`` takes them.
        root: the project's root.

    Raises:
        ProjectError: Git knows no such revision, or a dvc.lock cannot be read.
    """
    options = ["--graph", "--full-history", "--simplify-merges", "--no-color"]
    told = git.run(["log", *options, f"--format={_FORMAT}", *scope, "--", LOCK], root)
    drawn, graph = [], []
    for line in told.splitlines():
        edges, _, facts = line.partition("\1")
        graph.append(edges.rstrip())
        if facts:
            drawn.append((tuple(graph), facts.split("\2", 4)))
            graph = []
    blobs = iter(_blobs([facts[0] for _, facts in drawn], root))
    with git.blobs(root) as read:
        locks = functools.cache(functools.partial(_lock, read))
        settings = functools.cache(functools.partial(_settings, read))
        metrics = functools.cache(functools.partial(_metrics, read))
        found = []
        for edges, (commit, parents, author, date, subject) in drawn:
            lock, params, scored, examples = (next(blobs) for _ in _FILES)
            # A commit that deleted it is none.
            if lock is not None:
                made = lock, locks(lock), settings(params), metrics(scored), examples
                facts = commit, edges, tuple(parents.split()), author, date, subject
                found.append(Record(*facts, *made))
    return found


def changes(before: Record, after: Record) -> dict[Kind, list[str]]:
    """Return what one version was made of that another was not: paths, or keys of settings."""
    found: dict[Kind, list[str]] = {}
    for path in sorted({*before.lock.deps, *after.lock.deps}):
        kind = _kind(path)
        if kind and before.lock.deps.get(path) != after.lock.deps.get(path):
            found.setdefault(kind, []).append(path)
    for kind, output in _OUTPUTS.items():
        if before.lock.outs.get(output) != after.lock.outs.get(output):
            found.setdefault(kind, []).append(output)
    if before.settings is not after.settings:
        one, other = before.settings, after.settings
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        found |= {"settings": keys} if keys else {}
    return {kind: found[kind] for kind in KINDS if kind in found}


def added(before: Iterable[Lock], after: Lock) -> int:
    """Return the bytes of the outputs that no parent has; a folder counts whole if it differs."""
    known = {entry for lock in before for entry in lock.outs.values()}
    return sum(size for md5, size in set(after.outs.values()) if (md5, size) not in known)


def _kind(path: str) -> Kind | None:
    if path == ENVIRONMENT.as_posix():
        return "environment"
    top = path.partition("/")[0]
    # An edit of conf/ counts where it changed a setting.
    return "data" if top == INPUT.parts[0] else "code" if top != CONF.name else None


def _blobs(commits: Sequence[str], root: Path) -> list[str | None]:
    """Return Git's hash of each file of a version, commit by commit."""
    asked = "".join(f"{commit}:./{path}\n" for commit in commits for path in _FILES)
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    return [None if line.endswith(" missing") else line for line in told]


def _lock(read: Callable[[str], bytes], blob: str) -> Lock:
    text = read(blob).decode()
    found, part = [], ""
    for match in _ENTRY.finditer(text):
        part = match["part"] or part
        if match["path"]:
            found.append((part, match["path"], match["md5"], int(match["size"])))
    if len(found) != text.count(" md5: "):
        # Not as DVC writes it: edited by hand, or by another version of DVC.
        found = [
            (part, entry.path, entry.md5, entry.size)
            for stage in parse(text, f"Git object {blob[:10]}")
            for part, entries in (("deps", stage.deps), ("outs", stage.outs))
            for entry in entries
        ]
    outs = {path: (md5, size) for part, path, md5, size in found if part == "outs"}
    deps = {path: md5 for part, path, md5, _ in found if part == "deps" and path not in outs}
    return Lock(deps, outs)


def _settings(read: Callable[[str], bytes], blob: str | None) -> Mapping[str, str]:
    """Return what params.yaml has by dotted key, as text: enough to tell what changed."""
    found: dict[str, str] = {}
    keys: list[tuple[int, str]] = []
    for line in (read(blob).decode() if blob else "").splitlines():
        match = _SETTING.match(line)
        if match is None:
            # An item of a list, or a text that goes on.
            if keys:
                dotted = ".".join(key for _, key in keys)
                found[dotted] = f"{found.get(dotted, '')} {line.strip()}"
            continue
        indent = len(match[1])
        keys = [*((depth, key) for depth, key in keys if depth < indent), (indent, match[2])]
        if match[3]:
            found[".".join(key for _, key in keys)] = match[3]
    return {key: value for key, value in found.items() if not key.startswith(f"{RECORD}.")}


def _metrics(read: Callable[[str], bytes], blob: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(read(blob)) if blob else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
