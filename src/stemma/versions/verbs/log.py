"""The versions as the tree they are: what each one changed, and whether that made it better."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.corpus import revoked
from stemma.layout import REVOKED
from stemma.store import git
from stemma.store.cache import Cache
from stemma.store.errors import ProjectError
from stemma.store.refs import parse_scope
from stemma.versions.comparison.headlines import headlines
from stemma.versions.contents.metrics import metric_values
from stemma.versions.history.changes import Kind, changes
from stemma.versions.history.descent import bases
from stemma.versions.history.names import names_of, stages_of
from stemma.versions.history.records import History, Record
from stemma.versions.history.scope import tips
from stemma.versions.history.sizes import Sizes


@dataclasses.dataclass(frozen=True)
class LoggedBase:
    """A version whose weights another started from.

    Attributes:
        commit: the full hash.
        refs: the names of that version, if it is in the same log.
    """

    commit: str
    refs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class LoggedVersion:
    """What the log says of a version.

    Attributes:
        commit: the full hash.
        parents: the commits of the versions before it.
        refs: the tags, branches and experiments that name it.
        stages: the stages of the registry on which it stands, such as ``#prod``.
        date: when it was authored, YYYY-MM-DD.
        author: the name of the commit's author.
        subject: the first line of the commit message.
        changed: what it was made of that its first parent was not, by kind: paths, or keys of
            settings.
        bytes_added: the size of the outputs that no parent has.
        bytes_added_exact: False if the cache lacks some of what tells; what is unknown counts as
            added then.
        bases: the versions of this repository whose weights it started from: one of a fine-tune,
            all parents of what was merged.
        tainted: the revoked documents that it learnt, in words; None if there are none.
        metrics_match: whether its metrics were measured on its weights; None if not known.
        metric: the name of its first metric; empty if it has none.
        value: the value of that metric, not rounded.
        difference: the value minus that of the first parent; None if they cannot be compared.
        significant: ``better`` or ``worse`` if the difference is significant; else None.
        metrics: all its metrics by name.
        graph: what ``git log --graph`` draws: lines of edges, the last of them that of the version;
            empty in a log of the versions that changed a path.
    """

    commit: str
    parents: tuple[str, ...]
    refs: tuple[str, ...]
    stages: tuple[str, ...]
    date: str
    author: str
    subject: str
    changed: Mapping[Kind, list[str]]
    bytes_added: int
    bytes_added_exact: bool
    bases: tuple[LoggedBase, ...]
    tainted: str | None
    metrics_match: bool | None
    metric: str
    value: float | None
    difference: float | None
    significant: str | None
    metrics: Mapping[str, float]
    graph: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return the version as ``stemma log --json`` prints it."""
        facts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del facts["graph"]
        return facts | {"bases": [dataclasses.asdict(base) for base in self.bases]}


@dataclasses.dataclass(frozen=True)
class Log:
    """Versions, newest first.

    Attributes:
        versions: the versions.
        warnings: what keeps the log from being complete, a sentence each.
    """

    versions: tuple[LoggedVersion, ...]
    warnings: tuple[str, ...]

    def facts(self) -> list[dict[str, Any]]:
        """Return the versions as ``stemma log --json`` prints them."""
        return [version.facts() for version in self.versions]


def log(
    *scope: str, everything: bool = False, experiments: bool = False, root: Path = Path()
) -> Log:
    """Return the versions of a scope with what each changed and whether that made it better.

    Args:
        scope: revisions, ranges (``v1..main``) and names of experiments; HEAD if there are none.
            If the last is a path (or a key of settings), only versions that changed it.
        everything: add all branches and tags.
        experiments: add HEAD and all experiments of DVC.
        root: the project's root.

    Raises:
        ProjectError: there is no such revision, or no version.
        DataError: a table of examples, a manifest or a line of data/revoked.jsonl is torn.
    """
    revisions, path = parse_scope(scope, everything, experiments, root)
    history = History(root)
    found = history.records(revisions)
    if not found:
        raise _none(revisions, history)
    shown, known = _with_parents(found, revisions, history, root)
    if path:
        shown = _touching(path, shown, known)
    made = _logged(shown, known, _taints(history, root), root)
    if path:
        made = [dataclasses.replace(version, graph=()) for version in made]
    return Log(tuple(made), tuple(_warnings(shown, root)))


def _none(scope: Sequence[str], history: History) -> ProjectError:
    if history.records(["--all"]):
        where = f"in {' '.join(scope)}" if scope else "on this branch"
        return ProjectError(f"there is no version {where}", "`stemma log --all` shows all")
    return ProjectError("there is no version yet", "build one with `dvc repro`, and commit it")


def _with_parents(
    found: list[Record], scope: Sequence[str], history: History, root: Path
) -> tuple[list[Record], dict[str, Record]]:
    """Return the versions of a scope and, by commit, all that they follow, excluded or not."""
    ends = tips(scope, root)
    whole = found if ends is None else history.records(ends)
    known = {record.commit: record for record in whole}
    if ends is None:
        return found, known
    # Git draws the range, but cuts off the parents that it excludes.
    shown = [
        dataclasses.replace(known[record.commit], graph=record.graph)
        for record in found
        if record.commit in known
    ]
    return shown, known


def _first_parent(record: Record, known: Mapping[str, Record]) -> Record | None:
    return next((known[parent] for parent in record.parents if parent in known), None)


def _touching(path: str, found: list[Record], known: Mapping[str, Record]) -> list[Record]:
    """Return the versions in which a file, folder, output or setting is not as in the parent.

    Raises:
        ProjectError: there are none.
    """
    touched = [one for one in found if _touches(one, _first_parent(one, known), path)]
    if touched:
        return touched
    parts = {
        name
        for record in found
        for names in (record.lock.deps, record.lock.kept, record.settings)
        for name in names
    }
    if any(_is_in(name, path) for name in parts):
        raise ProjectError(f"no version changed {path}", "`stemma log` shows all")
    raise ProjectError(
        f"'{path}' is no revision, and no version reads or makes such a file",
        "see `git log --oneline --all`; `stemma show` names what a version reads and makes",
    )


def _touches(record: Record, parent: Record | None, path: str) -> bool:
    changed = changes(parent, record) if parent else {}
    before = parent.lock.kept if parent else {}
    outputs = [name for name, one in record.lock.kept.items() if before.get(name) != one]
    return any(_is_in(name, path) for names in (*changed.values(), outputs) for name in names)


def _is_in(name: str, path: str) -> bool:
    """Return whether a file is in a folder, or a key of settings in a section."""
    wanted = path.rstrip("/")
    return name == wanted or name.startswith((f"{wanted}/", f"{wanted}."))


def _taints(history: History, root: Path) -> dict[str, str]:
    """Return why versions are tainted, by commit."""
    # Where nothing is revoked, pyarrow, which takes half a second, is not imported.
    if not revoked.read(root / REVOKED):
        return {}
    from stemma.versions.tracing.taints import taints, why_tainted

    found = taints(history.records(["--all"]), root)
    return {commit: why_tainted(one) for commit, one in found.items()}


def _logged(
    shown: list[Record], known: Mapping[str, Record], tainted: Mapping[str, str], root: Path
) -> list[LoggedVersion]:
    whole = list(known.values())
    refs, stages = names_of(whole, root), stages_of(whole, root)
    heads = headlines(shown, whole, root)
    edges = bases(shown, whole, root)
    here = {record.commit for record in shown}
    sizes = Sizes(Cache(root).folder)
    made = []
    for record in shown:
        parents = [known[parent] for parent in record.parents if parent in known]
        added = sizes.added([parent.lock for parent in parents], record.lock)
        headline = heads[record.commit]
        made.append(
            LoggedVersion(
                commit=record.commit,
                parents=record.parents,
                refs=tuple(refs.get(record.commit, ())),
                stages=tuple(stages.get(record.commit, ())),
                date=record.date,
                author=record.author,
                subject=record.subject,
                changed=changes(parents[0], record) if parents else {},
                bytes_added=added.size,
                bytes_added_exact=added.exact,
                bases=tuple(
                    LoggedBase(base, tuple(refs.get(base, ())) if base in here else ())
                    for base in edges.get(record.commit, ())
                ),
                tainted=tainted.get(record.commit),
                metrics_match=record.metrics_match,
                metric=headline.name,
                value=headline.value,
                difference=headline.difference,
                significant=headline.tone or None,
                metrics=metric_values(dict(record.metrics)),
                graph=record.graph,
            )
        )
    return made


def _warnings(shown: Sequence[Record], root: Path) -> list[str]:
    warnings = []
    if git.is_shallow(root):
        warnings.append(
            "this clone is shallow: there are older versions (`git fetch --unshallow` brings them)"
        )
    torn: dict[str, list[str]] = {}
    for record in shown:
        for path in record.torn:
            torn.setdefault(path, []).append(record.commit[:7])
    absent = [record.commit[:7] for record in shown if record.absent]
    if absent:
        several = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        warnings.append(
            f"metrics of {absent[0]}{several} are not in the cache, so they are not known "
            "(`dvc fetch --all-commits` brings them)"
        )
    for path, (newest, *others) in torn.items():
        more = f" (and of {len(others)} more versions)" if others else ""
        warnings.append(
            f"{path} of {newest}{more} cannot be read, so what it says is not known "
            f"(see `git show {newest}:./{path}`)"
        )
    return warnings
