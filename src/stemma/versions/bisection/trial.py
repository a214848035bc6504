"""One version against another by one figure: worse, not worse, or it cannot be told."""

import dataclasses
import sys
from pathlib import Path
from typing import Any, Literal

from stemma.statistics.paired import Difference
from stemma.statistics.significance import smallest_effect
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK, stages_at
from stemma.store.version import Commit, Version
from stemma.versions.comparison.tested import compare_versions
from stemma.versions.contents.metrics import figures, metric, read_metrics
from stemma.versions.verification.rebuild import reproduce, surroundings
from stemma.versions.verification.worktree import check_top, worktree

Verdict = Literal["worse", "not worse", "cannot tell"]
_STAGE = "evaluate"


@dataclasses.dataclass(frozen=True)
class Measured:
    """A version with its figures.

    Attributes:
        metrics: what reports/metrics.json holds.
        rebuilt: whether they were measured for this, since Git holds none.
    """

    version: Version
    metrics: dict[str, Any]
    rebuilt: bool


@dataclasses.dataclass(frozen=True)
class Judged:
    """What became of a version.

    Attributes:
        value: its figure over all of its test split; None if it has none.
        difference: from the good one, over the documents of both; None if there is no test.
        smallest: the difference that the test would have found in four of five cases.
        why: a remark on the verdict; empty if the difference says it all.
        rebuilt: whether it was measured for this.
    """

    verdict: Verdict
    why: str = ""
    value: float | None = None
    difference: Difference | None = None
    smallest: float | None = None
    rebuilt: bool = False


class _Rebuilt(Commit):
    """A commit, with reports that Git does not keep."""

    def __init__(self, commit: str, root: Path, files: dict[str, bytes]) -> None:
        super().__init__(commit[:7], commit, root)
        self._files = files

    def read(self, path: str) -> bytes | None:
        return self._files.get(path) or super().read(path)


def measure(commit: str, rebuilding: bool, root: Path) -> Measured:
    """Return the figures of a commit: those that Git holds, or else measured in a worktree.

    Raises:
        ProjectError: there are none and it is not to be rebuilt, or cannot be; or they are torn.
    """
    version = Commit(commit[:7], commit, root)
    metrics = read_metrics(version)
    if metrics is not None and (version.read(version.declared.examples) or not rebuilding):
        return Measured(version, metrics, False)
    if not rebuilding:
        raise ProjectError(
            f"{version.name} has no {version.declared.metrics}",
            "without --no-rebuild it is rebuilt",
        )
    print(
        f"{version.name} has no figures in Git: `dvc repro {_STAGE}`", file=sys.stderr, flush=True
    )
    check_top(root)
    locked = stages_at(commit, root)
    cache, remotes = surroundings(root)
    with worktree(commit, root, keep=False) as site:
        reproduce(site, locked, cache, remotes, _STAGE, _tell)
        names = (version.declared.metrics, version.declared.examples, LOCK)
        paths = {name: site.tree / name for name in names}
        files = {path: file.read_bytes() for path, file in paths.items() if file.exists()}
    version = _Rebuilt(commit, root, files)
    metrics = read_metrics(version)
    if metrics is None:
        raise ProjectError(
            f"{version.name} makes no {version.declared.metrics}", f"see {_STAGE} in its dvc.yaml"
        )
    return Measured(version, metrics, True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def judge(good: Measured, other: Measured, name: str, level: float, effect: float | None) -> Judged:
    """Compare a version with the good one, paired by document.

    Args:
        good: what it is compared with.
        other: the version.
        name: of the figure.
        level: at which the test calls a difference real.
        effect: the difference that is looked for. Where the test might well have missed it, that it
            found nothing tells nothing; None to take it as it comes.

    Raises:
        ProjectError: a file of either is torn.
    """
    value = figures(other.metrics).get(name)
    if value is None:
        return Judged("cannot tell", f"it has no {name}", rebuilt=other.rebuilt)
    sides = [{name: side.metrics[name]} for side in (good, other)]
    found = compare_versions(good.version, other.version, sides[0], sides[1])
    if name not in found.tested:
        return Judged("cannot tell", found.untested[name], value, rebuilt=other.rebuilt)
    assert found.pairs
    difference = found.tested[name].difference
    smallest = smallest_effect(difference.error, len(found.pairs.ids), level)
    change = difference.b - difference.a
    if found.measuring:
        key, (one, two) = next(iter(found.measuring.items()))
        verdict, why = "cannot tell", f"not measured alike: {key} is {one} and {two}"
    elif difference.p <= level:
        worse = metric(name).tone(change) == "worse"
        verdict, why = ("worse", "") if worse else ("not worse", "better")
    elif effect is not None and smallest > effect:
        verdict, why = "cannot tell", f"no less than {smallest:.4f} would have shown"
    else:
        verdict, why = "not worse", ""
    return Judged(verdict, why, value, difference, smallest, other.rebuilt)
