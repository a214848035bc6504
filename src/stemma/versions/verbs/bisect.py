"""The first version that made a figure worse, by as few tests as need be."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.version import resolve
from stemma.versions.bisection.search import search
from stemma.versions.bisection.trial import Judged, Measured, judge, measure
from stemma.versions.comparison.tested import LEVEL
from stemma.versions.contents.metrics import figures, metric
from stemma.versions.history.records import Kind, Record, changes, records

Status = Literal["found", "one of several", "not worse", "cannot tell"]


@dataclasses.dataclass(frozen=True)
class Bisection:
    """What was found.

    Attributes:
        name: of the figure.
        good: commit that the others were compared with.
        value: its figure.
        status: whether the first worse version is found, or the newest is not worse or cannot be
            compared, so that there is nothing to look for.
        first: the versions of which one is the first worse one, newest first; one if it is found.
        since: of the one that is found: by each parent, what it was made of that the parent was
            not.
        judged: versions that were compared with the good one, newest first, and what became of it.
        left_out: versions that do not descend from the good one and were not looked at, since what
            they come from cannot be said to be as good.
        level: of each test, so that all together call one worse by chance in 5 % of cases at most.
    """

    name: str
    good: str
    value: float
    status: Status
    first: tuple[Record, ...]
    since: Mapping[str, Mapping[Kind, list[str]]]
    judged: Mapping[str, tuple[Record, Judged]]
    left_out: int
    level: float


class _Trials:
    """Judges versions, each once, and keeps what became of them."""

    def __init__(self, name: str, good: Measured, level: float, rebuilding: bool, root: Path):
        self._name, self._good, self._level = name, good, level
        self._rebuilding, self._root = rebuilding, root
        self._effect: float | None = None
        self.judged: dict[str, Judged] = {}

    def judge_newest(self, commit: str, newest: Measured) -> Judged:
        """Judge the version that is claimed to be worse; its difference is what is looked for."""
        found = judge(self._good, newest, self._name, self._level, None)
        if found.difference:
            self._effect = abs(found.difference.b - found.difference.a)
        self.judged[commit] = found
        return found

    def is_bad(self, commit: str) -> bool | None:
        """Say whether a version is worse; None if that cannot be told."""
        if commit not in self.judged:
            self.judged[commit] = self._judge(commit)
        return {"worse": True, "not worse": False}.get(self.judged[commit].verdict)

    def _judge(self, commit: str) -> Judged:
        try:
            other = measure(commit, self._rebuilding, self._root)
            return judge(self._good, other, self._name, self._level, self._effect)
        # One version of many: the others may still tell.
        except ProjectError as error:
            return Judged("cannot tell", error.message)


def bisect(name: str, good: str, bad: str, rebuilding: bool, root: Path = Path()) -> Bisection:
    """Find the first version that made a figure worse.

    Args:
        name: of the figure, as reports/metrics.json has it.
        good: a version from before.
        bad: a version that descends from it.
        rebuilding: measure versions whose figures Git does not hold.
        root: the project's root.

    Raises:
        ProjectError: there are no such versions, one does not descend from the other, or either
            has no such figure.
    """
    start, end = _commit(good, root), _commit(bad, root)
    found = _between((good, start), (bad, end), root)
    first, newest = (measure(one, rebuilding, root) for one in (start, found[0].commit))
    for side, measured in ((good, first), (bad, newest)):
        _check_figure(name, side, measured)
    level = LEVEL / (1 + (len(found) - 1).bit_length())
    trials = _Trials(name, first, level, rebuilding, root)
    verdict = trials.judge_newest(found[0].commit, newest).verdict
    status: Status = "not worse" if verdict == "not worse" else "cannot tell"
    suspects: list[str] = []
    kept = found
    if verdict == "worse":
        kept = _sound(found, start, end, trials, root)
        suspects = _search(kept, trials)
        status = "found" if len(suspects) == 1 else "one of several"
    known = {record.commit: record for record in found}
    firsts = tuple(known[commit] for commit in suspects)
    return Bisection(
        name,
        start,
        figures(first.metrics)[name],
        status,
        firsts,
        _since(firsts[0], known, root) if status == "found" else {},
        {
            one.commit: (one, trials.judged[one.commit])
            for one in found
            if one.commit in trials.judged
        },
        len(found) - len(kept),
        level,
    )


def _commit(name: str, root: Path) -> str:
    version = resolve(name, root)
    if version.commit is None:
        raise ProjectError(f"'{name}' is no commit", "bisect reads what Git keeps: name a commit")
    return version.commit


def _between(good: tuple[str, str], bad: tuple[str, str], root: Path) -> list[Record]:
    """Return the versions that the bad one descends from and the good one does not."""
    (a, start), (b, end) = good, bad
    if start == end:
        raise ProjectError(
            f"{a} and {b} are the same commit", "name a version from before it broke"
        )
    if _reaches(start, end, root):
        hint = "name an ancestor: `git merge-base A B` finds one"
        if git.is_shallow(root):
            hint = "this clone is shallow: type `git fetch --unshallow`"
        elif not _reaches(end, start, root):
            hint = f"did you mean --good {b} --bad {a}?"
        raise ProjectError(f"{a} is no ancestor of {b}", hint)
    found = records([f"{start}..{end}"], root)
    if not found:
        raise ProjectError(f"no version was built from {a} to {b}", "see `stemma log`")
    return found


def _reaches(commit: str, other: str, root: Path) -> bool:
    """Say whether a commit has history that the other has not."""
    return git.run(["rev-list", "--max-count=1", commit, f"^{other}"], root) != ""


def _check_figure(name: str, side: str, measured: Measured) -> None:
    known = figures(measured.metrics)
    if name not in known:
        raise ProjectError(f"{side} has no figure '{name}'", f"it has {', '.join(known)}")
    if metric(name).better is None:
        judged = ", ".join(one for one in known if metric(one).better)
        raise ProjectError(
            f"whether a lower or a higher {name} is better is not known", f"it is of {judged}"
        )


def _sound(found: list[Record], start: str, end: str, trials: _Trials, root: Path) -> list[Record]:
    """Return the versions of which a worse one was made so, and did not only come from a worse one.

    Those of a branch that is older than the good version may lack what made that one good.
    """
    later = set(git.run(["rev-list", "--ancestry-path", f"{start}..{end}"], root).split())
    branch = [record for record in found if record.commit not in later]
    known = {record.commit for record in found}
    roots = {parent for one in branch for parent in one.parents if parent not in known}
    if all(trials.is_bad(commit) is False for commit in sorted(roots)):
        return found
    return [record for record in found if record.commit in later]


def _search(found: Sequence[Record], trials: _Trials) -> list[str]:
    known = {record.commit for record in found}
    parents = {
        record.commit: [parent for parent in record.parents if parent in known] for record in found
    }
    ready = {record.commit for record in found if record.metrics and record.examples}
    with tqdm(desc="judge", unit=" versions", disable=None, delay=2, leave=False) as bar:

        def is_bad(commit: str) -> bool | None:
            bar.update()
            return trials.is_bad(commit)

        return search(parents, ready, is_bad)


def _since(
    record: Record, known: Mapping[str, Record], root: Path
) -> Mapping[str, Mapping[Kind, list[str]]]:
    since = {}
    for parent in record.parents:
        # One outside of the range may have left the version before it as it was.
        before = known.get(parent) or next(iter(records(["-1", parent], root)), None)
        if before:
            since[before.commit] = changes(before, record)
    return since
