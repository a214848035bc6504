"""Which version made a metric worse: the first one, found by as few tests as possible."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from stemma.statistics.significance import LEVEL
from stemma.store import git
from stemma.store.declared import Direction
from stemma.store.errors import ProjectError
from stemma.store.naming import resolve
from stemma.versions.bisection.search import search
from stemma.versions.bisection.trial import Judgement, MeasuredVersion, Measuring, Trials
from stemma.versions.contents import metrics
from stemma.versions.history.changes import Kind, changes
from stemma.versions.history.records import Record, records

Status = Literal["found", "one of several", "not worse", "cannot tell"]


@dataclasses.dataclass(frozen=True)
class Bisection:
    """What a bisection found.

    Attributes:
        metric: name of the metric.
        better: which of its values are, lower or higher ones.
        good: commit of the version that the others were compared with.
        value: the metric of that version.
        status: whether the first worse version is found, or is one of several; or that there was
            nothing to look for, since the newest version is not worse or cannot be compared.
        first: the versions of which one is the first worse one, newest first; a single one if it is
            found; none if there was nothing to look for.
        since: what changed in the one that is found, by each of its parents.
        judged: the versions that were compared with the good one, newest first, and the outcome.
        left_out: how many versions do not descend from the good one and were not looked at, since
            it is not known whether what they come from is as good.
        level: significance level of each test; all of them together call a version worse by chance
            with a probability of at most LEVEL.
    """

    metric: str
    better: Direction | None
    good: str
    value: float
    status: Status
    first: tuple[Record, ...]
    since: Mapping[str, Mapping[Kind, list[str]]]
    judged: Mapping[str, tuple[Record, Judgement]]
    left_out: int
    level: float

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain data, nothing rounded."""
        return {
            "metric": self.metric,
            "better": self.better,
            "status": self.status,
            "good": {"commit": self.good, "value": self.value},
            "first": [record.commit for record in self.first],
            "changed": self.since,
            "judged": [
                {"commit": record.commit, "subject": record.subject, **dataclasses.asdict(judged)}
                for record, judged in self.judged.values()
            ],
            "left_out": self.left_out,
            "level": self.level,
        }


def _silently(version: str) -> None:
    """Announce nothing."""


def bisect(
    metric: str,
    good: str,
    bad: str,
    rebuild: bool = True,
    root: Path = Path(),
    tell: Callable[[str], object] = _silently,
) -> Bisection:
    """Find the first version that made a metric worse.

    Args:
        metric: name of the metric, as in metrics.json.
        good: a version from before it got worse.
        bad: a version that descends from it.
        rebuild: whether versions are measured whose metrics Git does not hold.
        root: the project's root.
        tell: called with lines that say what is done while a version is measured.

    Raises:
        ProjectError: there is no such version, none that descends from it, or no such metric.
    """
    start, end = _commit(good, root), _commit(bad, root)
    found = _between((good, start), (bad, end), root)
    measuring = Measuring(rebuild, tell, root)
    first, newest = (measuring.measure(one) for one in (start, found[0].commit))
    for side, measured in ((good, first), (bad, newest)):
        _check_metric(metric, side, measured)
    level = LEVEL / (1 + (len(found) - 1).bit_length())
    trials = Trials(metric, first, level, measuring)
    verdict = trials.judge_newest(found[0].commit, newest).verdict
    status: Status = "not worse" if verdict == "not worse" else "cannot tell"
    suspects: list[str] = []
    kept = found
    if verdict == "worse":
        kept = _comparable(found, start, end, trials, root)
        suspects = _search(kept, trials)
        status = "found" if len(suspects) == 1 else "one of several"
    firsts = tuple(record for record in found if record.commit in suspects)
    return Bisection(
        metric,
        metrics.metric(metric, first.version.declared.directions).better,
        start,
        metrics.metric_values(first.metrics)[metric],
        status,
        firsts,
        _since(firsts[0], found, root) if status == "found" else {},
        _outcomes(found, trials),
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
    """Return whether a commit has history that the other does not have."""
    return git.run(["rev-list", "--max-count=1", commit, f"^{other}"], root) != ""


def _check_metric(name: str, side: str, measured: MeasuredVersion) -> None:
    known = metrics.metric_values(measured.metrics)
    if name not in known:
        raise ProjectError(f"{side} has no metric '{name}'", f"it has {', '.join(known)}")
    directions = measured.version.declared.directions
    if metrics.metric(name, directions).better is None:
        judged = ", ".join(one for one in known if metrics.metric(one, directions).better)
        raise ProjectError(
            f"whether a lower or a higher {name} is better is not known", f"it is of {judged}"
        )


def _comparable(
    found: list[Record], start: str, end: str, trials: Trials, root: Path
) -> list[Record]:
    """Return the versions that can be blamed for being worse than the good one.

    Versions on a branch that is older than the good one may lack what made that one good, and then
    are worse without having made anything worse.
    """
    later = set(git.run(["rev-list", "--ancestry-path", f"{start}..{end}"], root).split())
    branch = [record for record in found if record.commit not in later]
    known = {record.commit for record in found}
    roots = {parent for one in branch for parent in one.parents if parent not in known}
    if all(trials.is_bad(commit) is False for commit in sorted(roots)):
        return found
    return [record for record in found if record.commit in later]


def _search(found: Sequence[Record], trials: Trials) -> list[str]:
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


def _outcomes(found: Sequence[Record], trials: Trials) -> Mapping[str, tuple[Record, Judgement]]:
    judged = trials.judged
    return {one.commit: (one, judged[one.commit]) for one in found if one.commit in judged}


def _since(
    record: Record, found: Sequence[Record], root: Path
) -> Mapping[str, Mapping[Kind, list[str]]]:
    known = {one.commit: one for one in found}
    since = {}
    for parent in record.parents:
        # A parent outside the range may have built nothing: then the version before it counts.
        before = known.get(parent) or next(iter(records(["-1", parent], root)), None)
        if before:
            since[before.commit] = changes(before, record)
    return since
