"""Every version of a repository and what it was made of, read from Git alone."""

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from stemma.layout import CODE, CONF, ENVIRONMENT, INPUT, PARAMS, RECORD
from stemma.store import declared, git
from stemma.store.declared import CONVENTION, Declared
from stemma.store.errors import DamagedError
from stemma.store.lock import LOCK, Lock, parse

_Parsed = TypeVar("_Parsed")
_Blobs = tuple[str | None, ...]
Kind = Literal["base", "data", "settings", "code", "environment"]
KINDS: tuple[Kind, ...] = ("base", "data", "settings", "code", "environment")
# What git says of a version: its dvc.lock, what it consists of, and by what it was made.
_INPUTS = (LOCK, declared.PIPELINE, PARAMS.as_posix(), CODE.as_posix())
_SETTING = re.compile(r"^( *)([^\s:-][^:]*):(?: (.+))?$")
_DIGEST = re.compile(r"^  (\S+): (\S+)$", re.MULTILINE)
_FORMAT = "%x01" + "%x02".join(("%H", "%P", "%an", "%as", "%s"))
# The MD5 of nothing and of an empty line: a list of revoked records without any adds nothing.
_EMPTY = {"d41d8cd98f00b204e9800998ecf8427e", "68b329da9893e34099c7d8ad5cb9c940"}
_SECTION = re.compile(r"^(?=[^\s-])", re.MULTILINE)


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
        declared: what it consists of.
        code: the digest of each file of code that its stages ran; {} before there was a code.lock.
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
    declared: Declared = CONVENTION
    code: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def metrics_match(self) -> bool | None:
        """Whether its metrics were measured on its weights; None if that is not known."""
        locked, _ = self.lock.outs.get(self.declared.trained, ("", 0))
        return self.weights == locked if self.weights and locked else None


class History:
    """The versions of a repository; whatever several scopes share is read once.

    Args:
        root: the project's root.
    """

    def __init__(self, root: Path = Path()) -> None:
        self._root = root
        self._inputs: dict[str, _Blobs] = {}
        self._reports: dict[str, _Blobs] = {}
        self._declared: dict[str, Declared] = {}
        self._locks: dict[str, Lock] = {}
        self._raw: dict[str, bytes] = {}
        self._settings: dict[str, Mapping[str, str]] = {}
        self._code: dict[str, Mapping[str, str]] = {}
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
        new = [commit for commit in commits if commit not in self._inputs]
        inputs = _blobs(new, [_INPUTS] * len(new), self._root)
        self._inputs |= zip(new, inputs, strict=True)
        locks, pipelines, settings, code = zip(*inputs, strict=True) if inputs else [()] * 4
        self._locks |= _read_all(_lock, locks, self._locks, self._root)
        self._settings |= _read_all(_settings, settings, self._settings, self._root)
        self._code |= _read_all(_code, code, self._code, self._root)
        self._raw |= _read_all(_bytes, pipelines, self._raw, self._root)
        values = [row[2] for row in inputs if self._is_template(row[1])]
        self._raw |= _read_all(_bytes, values, self._raw, self._root)
        self._declared |= {commit: self._consists_of(commit) for commit in new}
        parts = [self._declared[commit] for commit in new]
        names = [(one.metrics, one.examples, one.measured) for one in parts]
        reports = _blobs(new, names, self._root)
        self._reports |= zip(new, reports, strict=True)
        metrics, _, measured = zip(*reports, strict=True) if reports else [()] * 3
        self._objects |= _read_all(_object, [*metrics, *measured], self._objects, self._root)

    def _consists_of(self, commit: str) -> Declared:
        lock, pipeline, params, _ = self._inputs[commit]
        raw, outs = self._raw.get(pipeline or ""), self._locks[lock].outs if lock else ()
        try:
            if self._is_template(pipeline):
                return declared.parse(raw, "a commit", self._raw.get(params or ""), outs)
            return declared.parse(raw, "a commit")
        except DamagedError:
            return CONVENTION  # one bad commit must not hide all the others

    def _is_template(self, pipeline: str | None) -> bool:
        # Where values stand in paths, they depend on more than dvc.yaml.
        return pipeline is not None and declared.is_template(self._raw[pipeline])

    def _record(self, edges: tuple[str, ...], facts: list[str]) -> Record | None:
        commit, parents, author, date, subject = facts
        lock, _, settings, code = self._inputs[commit]
        metrics, examples, measured = self._reports[commit]
        if lock is None:
            return None  # the commit deleted it
        consists = self._declared[commit]
        files = {consists.metrics: metrics, consists.measured: measured}
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
            objects.get(consists.metrics) or {},
            examples,
            str((objects.get(consists.measured) or {}).get("weights") or ""),
            tuple(path for path, content in objects.items() if content is None),
            consists,
            self._code[code] if code else {},
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
        # To a section of code.lock comments are nothing.
        if (kind := _kind(path)) and (kind != "code" or not (before.code and after.code)):
            found.setdefault(kind, []).append(path)
    # A change of what these stages make is one of its kind, whatever it came from.
    outputs: dict[Kind, tuple[str, str]] = {
        "base": (before.declared.base, after.declared.base),
        "data": (before.declared.raw, after.declared.raw),
    }
    for kind, (old, new) in outputs.items():
        if before.lock.outs.get(old) != after.lock.outs.get(new):
            found.setdefault(kind, []).append(new)
    # What only one of them ran is of another choice in the settings, or comes with an edited file.
    both = before.code.keys() & after.code.keys()
    if code := sorted(path for path in both if before.code[path] != after.code[path]):
        found["code"] = code
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


def _blobs(commits: Sequence[str], names: Sequence[tuple[str, ...]], root: Path) -> list[_Blobs]:
    """Return Git's hash of each of the files named for each commit; None where there is no such."""
    asked = "".join(
        f"{commit}:./{path}\n"
        for commit, paths in zip(commits, names, strict=True)
        for path in paths
    )
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    blobs = iter(None if line.endswith(" missing") else line for line in told)
    return [tuple(next(blobs) for _ in paths) for paths in names]


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
    return parse(content, f"Git object {blob[:10]}")


def _bytes(blob: str, content: bytes) -> bytes:
    return content


def _code(blob: str, content: bytes) -> Mapping[str, str]:
    return dict(_DIGEST.findall(content.decode(errors="replace")))


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
