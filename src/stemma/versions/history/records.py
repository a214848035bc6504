"""Every version of a repository with what it was made of, read from Git alone."""

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from stemma.layout import CONF, ENVIRONMENT, INPUT, PARAMS, RECORD
from stemma.store import declared, git
from stemma.store.declared import CONVENTION, Declared
from stemma.store.errors import DamagedError
from stemma.store.lock import LOCK, Lock, parse
from stemma.versions.contents import metrics as metrics_file

_Parsed = TypeVar("_Parsed")
Kind = Literal["base", "data", "settings", "code", "environment"]
KINDS: tuple[Kind, ...] = ("base", "data", "settings", "code", "environment")
_SETTING = re.compile(r"^( *)([^\s:-][^:]*):(?: (.+))?$")
_FORMAT = "%x01" + "%x02".join(("%H", "%P", "%an", "%as", "%s"))
# The MD5 of nothing and of an empty line: a list of revoked records without any adds nothing.
_EMPTY = {"d41d8cd98f00b204e9800998ecf8427e", "68b329da9893e34099c7d8ad5cb9c940"}
# What blobs hold never changes, and one command may read a history several times.
_known: dict[tuple[Callable[[str, bytes], Any], str], Any] = {}
_MOST = 2**14
_SECTION = re.compile(r"^(?=[^\s-])", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Record:
    """A version in the history.

    Attributes:
        graph: what ``git log --graph`` draws: lines of edges, and last that of the version.
        parents: the versions before it; commits that left dvc.lock as it was are no versions.
        date: of the author, YYYY-MM-DD.
        key: Git's hash of its dvc.lock.
        settings: params.yaml by dotted key, values as text; {} without one.
        metrics: what reports/metrics.json has; {} without one, or where it is torn.
        examples: Git's hash of its evaluation by example; None without one.
        weights: DVC's name of the weights that its metrics are those of; empty if not known.
        damaged: why its metrics cannot be read; empty if they can, or if there are none.
        declared: what it consists of.
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
    damaged: str = ""
    declared: Declared = CONVENTION

    @property
    def figures_match(self) -> bool | None:
        """Whether its metrics are those of its weights; None if that is not known."""
        locked, _ = self.lock.outs.get(self.declared.trained, ("", 0))
        return self.weights == locked if self.weights and locked else None


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
    for line in told.split("\n")[:-1]:
        edges, _, facts = line.partition("\1")
        graph.append(edges.rstrip())
        if facts:
            drawn.append((tuple(graph), facts.split("\2", 4)))
            graph = []
    commits = [facts[0] for _, facts in drawn]
    inputs = _blobs([(LOCK, declared.PIPELINE, PARAMS.as_posix())] * len(commits), commits, root)
    locks = _read_all(_lock, [row[0] for row in inputs], root)
    settings = _read_all(_settings, [row[2] for row in inputs], root)
    parts = _parts(inputs, locks, root)
    names = [(one.metrics, one.examples, one.measured) for one in parts]
    reports = _blobs(names, commits, root)
    metrics = _read_all(_metrics, [row[0] for row in reports], root)
    measured = _read_all(_object, [row[2] for row in reports], root)
    found = []
    for (edges, facts), row, part, made in zip(drawn, inputs, parts, reports, strict=True):
        lock, _, params = row
        scored, examples, told = made
        # A commit that deleted it is none.
        if lock is not None:
            commit, parents, author, date, subject = facts
            key = commit, edges, tuple(parents.split()), author, date, subject, lock
            scores, wrong = metrics.get(scored, ({}, ""))
            damaged = f"{part.metrics} of {commit[:7]}{wrong}" if wrong else ""
            weights = str(measured.get(told, {}).get("weights") or "")
            rest = locks[lock], settings.get(params, {}), scores, examples, weights
            found.append(Record(*key, *rest, damaged, part))
    return found


def changes(before: Record, after: Record) -> dict[Kind, list[str]]:
    """Return what one version was made of that another was not: paths, or keys of settings."""
    found: dict[Kind, list[str]] = {}
    for path in sorted({path for path, _ in before.lock.deps.items() ^ after.lock.deps.items()}):
        if {before.lock.deps.get(path), after.lock.deps.get(path)} <= {None, *_EMPTY}:
            continue
        if kind := _kind(path):
            found.setdefault(kind, []).append(path)
    # A change of what these stages make is one of its kind, whatever it came from.
    outputs: dict[Kind, tuple[str, str]] = {
        "base": (before.declared.base, after.declared.base),
        "data": (before.declared.raw, after.declared.raw),
    }
    for kind, (old, new) in outputs.items():
        if before.lock.outs.get(old) != after.lock.outs.get(new):
            found.setdefault(kind, []).append(new)
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


def _blobs(
    names: Sequence[tuple[str, ...]], commits: Sequence[str], root: Path
) -> list[tuple[str | None, ...]]:
    """Return Git's hash of each of the files that are named for each commit."""
    asked = "".join(
        f"{commit}:./{path}\n"
        for commit, paths in zip(commits, names, strict=True)
        for path in paths
    )
    told = git.run(["cat-file", "--batch-check=%(objectname)"], root, asked).splitlines()
    blobs = iter(None if line.endswith(" missing") else line for line in told)
    return [tuple(next(blobs) for _ in paths) for paths in names]


def _parts(
    inputs: Sequence[tuple[str | None, ...]], locks: Mapping[str | None, Lock], root: Path
) -> list[Declared]:
    """Return what each version consists of; ``inputs`` are its dvc.lock, dvc.yaml, params.yaml."""
    pipelines = _read_all(_raw, [row[1] for row in inputs], root)
    # Where values stand in paths, it depends on more than dvc.yaml.
    templates = {blob for blob, raw in pipelines.items() if declared.is_template(raw)}
    params = _read_all(_raw, [row[2] for row in inputs if row[1] in templates], root)
    plain = {
        blob: _declared(raw, None, None) for blob, raw in pipelines.items() if blob not in templates
    }
    return [
        _declared(pipelines[pipeline], params.get(values), locks.get(lock))
        if pipeline in templates
        else plain.get(pipeline, CONVENTION)
        for lock, pipeline, values in inputs
    ]


def _declared(raw: bytes | None, params: bytes | None, lock: Lock | None) -> Declared:
    try:
        return declared.parse(raw, "a commit", params, lock.outs if lock else ())
    except DamagedError:
        return CONVENTION  # one bad commit must not hide all the others


def _raw(blob: str, content: bytes) -> bytes:
    return content


def _read_all(
    parse: Callable[[str, bytes], _Parsed], blobs: Iterable[str | None], root: Path
) -> dict[str | None, _Parsed]:
    """Return what each distinct blob holds, parsed; what was read before is known by its hash."""
    distinct = [blob for blob in dict.fromkeys(blobs) if blob]
    found = {blob: _known[parse, blob] for blob in distinct if (parse, blob) in _known}
    if new := [blob for blob in distinct if blob not in found]:
        found |= {blob: parse(blob, content) for blob, content in git.contents(new, root)}
        if len(_known) > _MOST:
            _known.clear()
        _known.update({(parse, blob): found[blob] for blob in new})
    return {blob: found[blob] for blob in distinct}


def _lock(blob: str, content: bytes) -> Lock:
    return parse(content, f"Git object {blob[:10]}")


def _settings(blob: str, content: bytes) -> Mapping[str, str]:
    """Return what params.yaml has by dotted key, as text: enough to tell what changed."""
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


def _metrics(blob: str, content: bytes) -> tuple[Mapping[str, Any], str]:
    """Return the metrics, and what is wrong with them, as the end of a sentence."""
    try:
        return metrics_file.parse(content, ""), ""
    except DamagedError as error:
        return {}, error.message


def _object(blob: str, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
