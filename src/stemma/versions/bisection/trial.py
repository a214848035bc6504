"""The trial of a version: by one metric, is it worse than the good one, or can that not be told?"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from stemma.statistics.paired import Difference
from stemma.statistics.significance import smallest_effect
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK
from stemma.store.version import Commit, Version, built
from stemma.versions.comparison.tested import compare_versions
from stemma.versions.contents.metrics import metric_values, read_metrics
from stemma.versions.verification.rebuild import reproduce, surroundings
from stemma.versions.verification.worktree import worktree

Verdict = Literal["worse", "not worse", "cannot tell"]
STAGE = "evaluate"
"""The stage that measures a version."""


@dataclasses.dataclass(frozen=True)
class MeasuredVersion:
    """A version and its metrics.

    Attributes:
        version: the version, with the examples that it was measured on.
        metrics: the content of metrics.json.
        rebuilt: whether it was measured for this trial, since Git does not hold its metrics.
    """

    version: Version
    metrics: dict[str, Any]
    rebuilt: bool


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The outcome of the trial of one version.

    Attributes:
        verdict: whether the version is worse than the good one.
        why: the reason for the verdict; empty if the difference says it all.
        value: the metric over the whole test split; None if the version does not have it.
        difference: from the good version, over the documents of both; None if there was no test.
        smallest: the smallest difference that the test would find in four of five cases.
        rebuilt: whether the version was measured for this trial.
    """

    verdict: Verdict
    why: str = ""
    value: float | None = None
    difference: Difference | None = None
    smallest: float | None = None
    rebuilt: bool = False


@dataclasses.dataclass(frozen=True)
class Measuring:
    """How versions get their metrics.

    Attributes:
        rebuild: whether versions are measured whose metrics Git does not hold.
        tell: called with a line before such a version is measured, which takes minutes, and for
            each stage of that.
        root: the project's root.
    """

    rebuild: bool
    tell: Callable[[str], object]
    root: Path

    def measure(self, commit: str) -> MeasuredVersion:
        """Return the metrics of a commit: those in Git, or else measured in a worktree.

        Raises:
            ProjectError: there are none and the version must not or cannot be rebuilt; or a file
                is torn.
        """
        version = Commit(commit[:7], commit, self.root)
        metrics = read_metrics(version)
        if metrics is not None and (version.read(version.declared.examples) or not self.rebuild):
            return MeasuredVersion(version, metrics, False)
        if not self.rebuild:
            raise ProjectError(
                f"{version.name} has no {version.declared.metrics}",
                "without --no-rebuild it is rebuilt",
            )
        self.tell(f"{version.name} has no metrics in Git: `dvc repro {STAGE}`")
        version = _MeasuredAgain(commit, self.root, self.tell)
        metrics = read_metrics(version)
        if metrics is None:
            raise ProjectError(
                f"{version.name} makes no {version.declared.metrics}",
                f"see {STAGE} in its dvc.yaml",
            )
        return MeasuredVersion(version, metrics, True)


class _MeasuredAgain(Commit):
    """A commit that is measured in a temporary worktree, since Git does not hold its reports."""

    def __init__(self, commit: str, root: Path, tell: Callable[[str], object]) -> None:
        super().__init__(commit[:7], commit, root)
        self._files: dict[str, bytes] = {}
        locked = [*built(commit[:10], commit, root).stages()]
        cache, remotes = surroundings(root)
        with worktree(commit, root, keep=False) as site:
            reproduce(site, locked, cache, remotes, STAGE, tell)
            parts = Commit(self.name, commit, root).declared
            names = (*parts.compared, parts.examples, LOCK)
            paths = {name: site.tree / name for name in names}
            self._files = {path: file.read_bytes() for path, file in paths.items() if file.exists()}

    def read(self, path: str) -> bytes | None:
        return self._files.get(path) or super().read(path)


class Trials:
    """Judges versions against the good one, each once.

    Args:
        name: of the metric.
        good: the version that the others are compared with.
        level: significance level of each test.
        measuring: how versions get their metrics.

    Attributes:
        judged: the judgements so far, by commit.
    """

    def __init__(
        self, name: str, good: MeasuredVersion, level: float, measuring: Measuring
    ) -> None:
        self._name, self._good, self._level = name, good, level
        self._measuring = measuring
        self._effect: float | None = None
        self.judged: dict[str, Judgement] = {}

    def judge_newest(self, commit: str, newest: MeasuredVersion) -> Judgement:
        """Judge the version that is said to be worse; the others are searched for its difference.

        Raises:
            ProjectError: a file is torn.
        """
        found = judge(self._good, newest, self._name, self._level, None)
        if found.difference:
            self._effect = abs(found.difference.b - found.difference.a)
        self.judged[commit] = found
        return found

    def is_bad(self, commit: str) -> bool | None:
        """Return whether a version is worse; None if that cannot be told."""
        if commit not in self.judged:
            self.judged[commit] = self._judge(commit)
        return {"worse": True, "not worse": False}.get(self.judged[commit].verdict)

    def _judge(self, commit: str) -> Judgement:
        try:
            other = self._measuring.measure(commit)
            return judge(self._good, other, self._name, self._level, self._effect)
        # One version cannot be read; the others may still tell.
        except ProjectError as error:
            return Judgement("cannot tell", error.message)


def judge(
    good: MeasuredVersion, other: MeasuredVersion, name: str, level: float, effect: float | None
) -> Judgement:
    """Compare a version with the good one, paired by document.

    Args:
        good: the good version.
        other: the version that is judged.
        name: of the metric.
        level: significance level of the test.
        effect: the difference that is looked for: if the test could easily have missed one of this
            size, finding nothing does not count as "not worse". None accepts any test.

    Raises:
        ProjectError: a file of a version is torn.
    """
    value = metric_values(other.metrics).get(name)
    if value is None:
        return Judgement("cannot tell", f"it has no {name}", rebuilt=other.rebuilt)
    sides = [{name: side.metrics[name]} for side in (good, other)]
    found = compare_versions(good.version, other.version, sides[0], sides[1])
    if name not in found.tested:
        return Judgement("cannot tell", found.untested[name], value, rebuilt=other.rebuilt)
    assert found.pairs
    difference = found.tested[name].difference
    smallest = smallest_effect(difference.error, len(found.pairs.ids), level)
    change = difference.b - difference.a
    if found.measuring:
        key, (one, two) = next(iter(found.measuring.items()))
        verdict, why = "cannot tell", f"not measured alike: {key} is {one} and {two}"
    elif difference.p <= level:
        worse = found.tested[name].metric.tone(change) == "worse"
        verdict, why = ("worse", "") if worse else ("not worse", "better")
    elif effect is not None and smallest > effect:
        verdict, why = "cannot tell", f"no less than {smallest:.4f} would have shown"
    else:
        verdict, why = "not worse", ""
    return Judgement(verdict, why, value, difference, smallest, other.rebuilt)
