"""Every version of a repository and what it was made of, read from Git alone."""

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from stemma.layout import (
    BASE,
    CONF,
    ENVIRONMENT,
    INPUT,
    MEASURED,
    METRICS,
    PARAMS,
    RAW,
    RECORD,
    REPORTS,
    TRAINED,
)
from stemma.store import git
from stemma.store.lock import LOCK, parse

_Parsed = TypeVar("_Parsed")
Kind = Literal["base", "data", "settings", "code", "environment"]
KINDS: tuple[Kind, ...] = ("base", "data", "settings", "code", "environment")
# A change of what these stages make is one of its kind, whatever it came from.
_OUTPUTS: dict[Kind, str] = {"base": BASE.as_posix(), "data": RAW.as_posix()}
EXAMPLES = REPORTS / "examples.parquet"
# What git says of a version: its dvc.lock and the rest that Git keeps of it.
_FILES = (LOCK, *(path.as_posix() for path in (PARAMS, METRICS, EXAMPLES, MEASURED)))
_SETTING = re.compile(r"^( *)([^\s:-][^:]*):(?: (.+))?$")
_FORMAT = "%x01" + "%x02".join(("%H", "%P", "%an", "%as", "%s"))
# dvc.lock as DVC writes it; a YAML reader takes 7 ms for one, and there may be thousands. From one
# version to the next few entries and sections are other ones: what is known is not parsed again.
_HASH = " md5: "
_NEXT = "\n    - path: "
_ENTRY = re.compile(r"(\S.*)\n      hash: md5\n      md5: (\S+)\n      size: (\d+)(?:\n|$)")
# The MD5 of nothing and of an empty line: a list of revoked records without any adds nothing.
_EMPTY = {"d41d8cd98f00b204e9800998ecf8427e", "68b329da9893e34099c7d8ad5cb9c940"}
# A merge may have left these behind, and what is no UTF-8 becomes the last: `parse` says which.
_ODD = ("<<<<<<< ", "||||||| ", ">>>>>>> ", "\N{REPLACEMENT CHARACTER}")
_PART = re.compile(r"^    (deps|params|outs):$", re.MULTILINE)
_SECTION = re.compile(r"^(?=[^\s-])", re.MULTILINE)


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
        graph: what ``git log --graph`` draws: lines of edges, the last of them that of the version.
        parents: the commits of the versions before it; a commit that left dvc.lock as it was is no
            version.
        author: the name of the commit's author.
        date: when it was authored, YYYY-MM-DD.
        subject: the first line of the commit message.
        key: Git's hash of its dvc.lock.
        lock: what its dvc.lock names.
        settings: params.yaml by dotted key, values as text; {} if there is none.
        metrics: the content of reports/metrics.json; {} if there is none.
        examples: Git's hash of its metrics by document; None if there are none.
        weights: the MD5 of the weights that its metrics were measured on; empty if not known.
        torn: the files among these that Git holds and that cannot be read.
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
    weights: str = ""
    torn: tuple[str, ...] = ()

    @property
    def metrics_match(self) -> bool | None:
        """Whether its metrics were measured on its weights; None if that is not known."""
        locked, _ = self.lock.outs.get(TRAINED.as_posix(), ("", 0))
        return self.weights == locked if self.weights and locked else None


class History:
    """The versions of a repository; whatever several scopes share is read once.

    Args:
        root: the project's root.
    """

    def __init__(self, root: Path = Path()) -> None:
        self._root = root
        self._blobs: dict[str, tuple[str | None, ...]] = {}
        self._locks: dict[str, Lock] = {}
        self._settings: dict[str, Mapping[str, str]] = {}
        self._objects: dict[str, Mapping[str, Any] | None] = {}

    def records(self, scope: Sequence[str]) -> list[Record]:
        """Return the versions that a scope reaches, newest first.

        Args:
            scope: revisions and ranges as ``git log`` takes them.

        Raises:
            ProjectError: Git knows no such revision, or a dvc.lock cannot be read.
        """
        drawn = _drawn(scope, self._root)
        self._read([facts[0] for _, facts in drawn])
        return [made for edges, facts in drawn if (made := self._record(edges, facts))]

    def _read(self, commits: Iterable[str]) -> None:
        new = [commit for commit in commits if commit not in self._blobs]
        blobs = _blobs(new, self._root)
        self._blobs |= zip(new, blobs, strict=True)
        locks, settings, metrics, _, measured = zip(*blobs, strict=True) if blobs else [()] * 5
        self._locks |= _read_all(_lock, locks, self._locks, self._root)
        self._settings |= _read_all(_settings, settings, self._settings, self._root)
        self._objects |= _read_all(_object, [*metrics, *measured], self._objects, self._root)

    def _record(self, edges: tuple[str, ...], facts: list[str]) -> Record | None:
        commit, parents, author, date, subject = facts
        lock, settings, metrics, examples, measured = self._blobs[commit]
        if lock is None:
            return None  # the commit deleted it
        files = {METRICS: metrics, MEASURED: measured}
        objects = {path: self._objects[blob] for path, blob in files.items() if blob}
        return Record(
            commit,
            edges,
            tuple(parents.split()),
            author,
            date,
            subject,
            lock,
            self._locks[lock],
            self._settings[settings] if settings else {},
            objects.get(METRICS) or {},
            examples,
            str((objects.get(MEASURED) or {}).get("weights") or ""),
            tuple(path.as_posix() for path, content in objects.items() if content is None),
        )


def records(scope: Sequence[str], root: Path = Path()) -> list[Record]:
    """Return what ``History.records`` returns, for one scope."""
    return History(root).records(scope)


def _drawn(scope: Sequence[str], root: Path) -> list[tuple[tuple[str, ...], list[str]]]:
    """Return the lines of the graph that end in a commit, and its facts, commit by commit."""
    options = ["--graph", "--full-history", "--simplify-merges", "--no-color"]
    told = git.run(["log", *options, f"--format={_FORMAT}", *scope, "--", LOCK], root).split("\n")
    drawn, graph = [], []
    for line in told[:-1]:
        edges, _, facts = line.partition("\1")
        graph.append(edges.rstrip())
        if facts:
            drawn.append((tuple(graph), facts.split("\2", 4)))
            graph = []
    return drawn


def changes(before: Record, after: Record) -> dict[Kind, list[str]]:
    """Return what two versions were not made of alike, by kind: paths, or keys of settings."""
    found: dict[Kind, list[str]] = {}
    for path in sorted({path for path, _ in before.lock.deps.items() ^ after.lock.deps.items()}):
        if {before.lock.deps.get(path), after.lock.deps.get(path)} <= {None, *_EMPTY}:
            continue
        if kind := _kind(path):
            found.setdefault(kind, []).append(path)
    for kind, output in _OUTPUTS.items():
        if before.lock.outs.get(output) != after.lock.outs.get(output):
            found.setdefault(kind, []).append(output)
    one, other = before.settings, after.settings
    if moved := {key for key, _ in one.items() ^ other.items()}:
        found["settings"] = [key for key in {**one, **other} if key in moved]
    return {kind: found[kind] for kind in KINDS if kind in found}


@functools.cache
def _kind(path: str) -> Kind | None:
    if path == ENVIRONMENT.as_posix():
        return "environment"
    top = path.partition("/")[0]
    # An edit of conf/ counts where it changed a setting.
    return "data" if top == INPUT.parts[0] else "code" if top != CONF.name else None


def _blobs(commits: Sequence[str], root: Path) -> list[tuple[str | None, ...]]:
    """Return Git's hash of each of _FILES, None where there is no such file, commit by commit."""
    asked = "".join(f"{commit}:./{path}\n" for commit in commits for path in _FILES)
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    blobs = iter(None if line.endswith(" missing") else line for line in told)
    return [tuple(next(blobs) for _ in _FILES) for _ in commits]


def _read_all(
    parse: Callable[[str, bytes], _Parsed],
    blobs: Iterable[str | None],
    known: Container[str],
    root: Path,
) -> dict[str, _Parsed]:
    """Return the parsed content of each distinct blob that is not known yet."""
    new = [blob for blob in dict.fromkeys(blobs) if blob and blob not in known]
    return {blob: parse(blob, content) for blob, content in git.contents(new, root)} if new else {}


def _lock(blob: str, content: bytes) -> Lock:
    text = content.decode(errors="replace")
    head, *pieces = text.split(_NEXT)
    entries = [_read_entry(piece) for piece in pieces]
    odd = any(sign in text for sign in _ODD) or not text.endswith("\n")
    if odd or _HASH in head or None in entries:
        return _odd_lock(blob, content)
    part = _read_part(head)
    deps, outs = {}, {}
    for path, md5, size, after in filter(None, entries):
        if part == "outs":
            outs[path] = md5, size
        else:
            deps[path] = md5
        part = after or part
    return Lock({path: md5 for path, md5 in deps.items() if path not in outs}, outs)


@functools.cache
def _read_entry(piece: str) -> tuple[str, str, int, str] | None:
    """Return path, MD5 and bytes of an entry, and the part of a stage that begins behind it."""
    match = _ENTRY.match(piece) if piece.count(_HASH) == 1 else None
    return match and (match[1], match[2], int(match[3]), _read_part(piece))


def _read_part(text: str) -> str:
    return (_PART.findall(text) or [""])[-1]


def _odd_lock(blob: str, content: bytes) -> Lock:
    # Not as DVC writes it: edited by hand, or by another version of DVC.
    stages = parse(content, f"Git object {blob[:10]}")
    outs = {entry.path: (entry.md5, entry.size) for stage in stages for entry in stage.outs}
    deps = {entry.path: entry.md5 for stage in stages for entry in stage.deps}
    return Lock({path: md5 for path, md5 in deps.items() if path not in outs}, outs)


def _settings(blob: str, content: bytes) -> Mapping[str, str]:
    """Return params.yaml by dotted key, values as text: enough to tell what changed."""
    found: dict[str, str] = {}
    for section in _SECTION.split(content.decode(errors="replace")):
        if not section.startswith(f"{RECORD}:"):
            found |= _read_section(section)
    return found


@functools.cache
def _read_section(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    keys: list[tuple[int, str]] = []
    for line in text.splitlines():
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
    return found


def _object(blob: str, content: bytes) -> Mapping[str, Any] | None:
    """Return what a JSON file holds; None if it is torn."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
