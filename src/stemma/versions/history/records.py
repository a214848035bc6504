"""Every version of a repository and what it was made of, read from Git alone.

Only metrics that DVC keeps are read from its cache, where they are at hand.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.layout import CODE, PARAMS
from stemma.store import git, pipelines
from stemma.store.cache import Cache
from stemma.store.declared import CONVENTION, Declared
from stemma.store.lock import LOCK, Lock
from stemma.versions.contents.settings import files_of, named
from stemma.versions.history.measures import Files
from stemma.versions.history.settings_text import settings_of

_DIGEST = re.compile(r"^  (\S+): (\S+)$", re.MULTILINE)
_FORMAT = "%x01" + "%x02".join(("%H", "%P", "%an", "%as", "%s"))
_TABLES = (".parquet", ".csv", ".jsonl")  # of examples, whose hash alone is asked for


@dataclasses.dataclass(frozen=True)
class Record:
    """A version in the history.

    Attributes:
        graph: what ``git log --graph`` draws: lines of edges, the last of them that of the version.
        parents: the commits of the versions before it; one that left all of these files as they
            were is no version.
        author: the name of the commit's author.
        date: when it was authored, YYYY-MM-DD.
        subject: the first line of the commit message.
        key: Git's hash of its dvc.lock, or of all files by which Git knows what DVC keeps.
        lock: what these files name.
        settings: params.yaml and others by dotted key, values as text; {} if there is none.
        metrics: the content of its files of metrics; {} if there is none.
        examples: Git's hash of its metrics by document; None if there are none.
        weights: the MD5 of the weights that its metrics were measured on; empty if not known.
        torn: the files among these that cannot be read.
        absent: the files of metrics that DVC keeps and its cache here lacks.
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
    absent: tuple[str, ...] = ()
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
        self._names = pipelines.ever(root)
        self._blobs: dict[str, Mapping[str, str]] = {}
        self._raw: dict[str, bytes] = {}
        self._parsed: dict[tuple[str, ...], tuple[Lock, Declared]] = {}
        self._settings: dict[str, Mapping[str, str]] = {}
        self._cache = Cache(root, remote=False)

    def records(self, scope: Sequence[str]) -> list[Record]:
        """Return the versions that a scope reaches, newest first.

        Args:
            scope: revisions and ranges as ``git log`` takes them.

        Raises:
            ProjectError: Git knows no such revision, or a dvc.lock cannot be read.
        """
        drawn = _drawn(scope, self._names, self._root)
        self._read([facts[0] for _, facts in drawn])
        return [made for edges, facts in drawn if (made := self._record(edges, facts))]

    def _read(self, commits: Iterable[str]) -> None:
        new = [commit for commit in commits if commit not in self._blobs]
        self._find(new, [(*self._names, PARAMS.as_posix(), CODE.as_posix())] * len(new))
        parts = [self._made_of(commit)[1] for commit in new]
        self._find(new, [
            (*one.compared, *files_of(one), one.examples, one.measured) for one in parts
        ])  # fmt: skip

    def _find(self, commits: Sequence[str], names: Sequence[Sequence[str]]) -> None:
        """Read files of commits, each distinct content once; those of examples are not needed."""
        found = pipelines.blobs_at(commits, names, self._root)
        for commit, blobs in zip(commits, found, strict=True):
            self._blobs[commit] = {**self._blobs.get(commit, {}), **blobs}
        wanted = {
            blob for blobs in found for path, blob in blobs.items() if not path.endswith(_TABLES)
        }
        if new := sorted(wanted - self._raw.keys()):
            self._raw |= git.contents(new, self._root)

    def _made_of(self, commit: str) -> tuple[Lock, Declared]:
        blobs = self._blobs[commit]
        names = [name for name in self._names if name in blobs]
        # Where values stand in paths, they depend on more than dvc.yaml.
        key = (*(f"{blobs[name]} {name}" for name in names), blobs.get(PARAMS.as_posix(), ""))
        if key not in self._parsed:
            owner = f"Git object {blobs[LOCK][:10]}" if LOCK in blobs else f"commit {commit[:10]}"
            # One bad dvc.yaml must not hide all the other versions.
            self._parsed[key] = pipelines.read(names, self._content(blobs), owner, lenient=True)
        return self._parsed[key]

    def _content(self, blobs: Mapping[str, str]) -> Callable[[str], bytes | None]:
        return lambda path: self._raw[blobs[path]] if path in blobs else None

    def _record(self, edges: tuple[str, ...], facts: list[str]) -> Record | None:
        commit, parents, author, date, subject = facts
        blobs = self._blobs[commit]
        key = pipelines.key_of({name: blobs[name] for name in self._names if name in blobs})
        if key is None:
            return None  # the commit deleted it
        lock, consists = self._made_of(commit)
        files = Files(consists, lock, self._content(blobs), self._cache)
        code = self._content(blobs)(CODE.as_posix())
        return Record(
            commit=commit, graph=edges, parents=tuple(parents.split()), author=author, date=date,
            subject=subject, key=key, lock=lock, declared=consists,
            settings=self._settings_of(blobs, consists), metrics=files.metrics,
            examples=blobs.get(consists.examples), weights=files.weights, torn=tuple(files.torn),
            absent=tuple(files.absent),
            code=dict(_DIGEST.findall(code.decode(errors="replace"))) if code else {},
        )  # fmt: skip

    def _settings_of(self, blobs: Mapping[str, str], consists: Declared) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for path in (PARAMS.as_posix(), *files_of(consists)):
            blob = blobs.get(path)
            if blob is None:
                continue
            if blob not in self._settings:
                self._settings[blob] = settings_of(self._raw[blob], path)
            found |= named(dict(self._settings[blob]), path)
        return found


def records(scope: Sequence[str], root: Path = Path()) -> list[Record]:
    """Return what ``History.records`` returns, for one scope."""
    return History(root).records(scope)


def _drawn(
    scope: Sequence[str], names: Sequence[str], root: Path
) -> list[tuple[tuple[str, ...], list[str]]]:
    """Return the lines of the graph that end in a commit, and its facts, commit by commit."""
    options = ["--graph", "--full-history", "--simplify-merges", "--no-color"]
    pointers = [f":(literal){name}" for name in names if pipelines.is_pointer(name)]
    told = git.run(["log", *options, f"--format={_FORMAT}", *scope, "--", *pointers], root)
    drawn, graph = [], []
    for line in told.split("\n")[:-1]:
        edges, _, facts = line.partition("\1")
        graph.append(edges.rstrip())
        if facts:
            drawn.append((tuple(graph), facts.split("\2", 4)))
            graph = []
    return drawn
