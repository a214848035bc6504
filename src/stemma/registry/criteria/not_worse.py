"""Each named metric is not worse than that of the version on the stage, by more than a margin.

Non-inferiority, judged by the comparison that `stemma diff` makes: paired over the examples that
both were measured on. A version passes if the worse end of the interval of the difference, at the
confidence of `stemma.statistics.significance`, is within the margin (Piaggio et al. 2012, JAMA
308:2594). That an interval is wide because examples are few is no reason to pass: it is refused,
with the number of examples that it takes.
"""

import math
from typing import Annotated, Any

from pydantic import Field

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.statistics import FEWEST
from stemma.statistics.significance import LEVEL, POWER, quantile_of_t
from stemma.versions.comparison.tested import Tested

NAME = "not_worse"


@settings
class Settings:
    """Of the gate."""

    metrics: dict[str, Annotated[float, Field(ge=0)]]
    """By how much each metric may be worse, in its own unit."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether every metric is not worse."""
    if case.incumbent is None:
        return Outcome(NAME, True, f"nothing stands on {case.stage or 'a stage'} to compare with")
    found = case.comparison
    assert found is not None
    told: list[str] = []
    facts: dict[str, Any] = {"incumbent": case.incumbent.name, "metrics": {}}
    passed = True
    for name, margin in settings.metrics.items():
        if name not in found.tested:
            passed = False
            told.append(f"{name}: {found.untested.get(name, 'neither version has it')}")
            continue
        pairs = len(found.pairs.ids) if found.pairs else 0
        good, said, fact = judge_metric(name, margin, found.tested[name], pairs)
        passed &= good
        told.append(said)
        facts["metrics"][name] = fact
    return Outcome(NAME, passed, "; ".join(told), facts)


def judge_metric(
    name: str, margin: float, tested: Tested, pairs: int
) -> tuple[bool, str, dict[str, Any]]:
    """Say whether one metric is not worse, in a sentence, and in numbers.

    Args:
        name: of the metric.
        margin: by which it may be worse.
        tested: the metric of the incumbent (a) and of the version (b).
        pairs: how many examples both were measured on.
    """
    one = tested.difference
    better = tested.metric.better
    if better is None:
        return False, f"{name}: whether higher or lower is better is not known", {}
    sign = 1 if better == "lower" else -1
    worse, worst = sign * (one.b - one.a), one.high if better == "lower" else -one.low
    passed = worst <= margin
    best = one.low if better == "lower" else -one.high
    needed = None if passed or best > margin else examples_needed(worse, one.error, margin, pairs)
    fact = {
        "incumbent": one.a, "version": one.b, "low": one.low, "high": one.high, "margin": margin,
        "examples": pairs, "examples_needed": needed,
    }  # fmt: skip
    interval = f"{one.b - one.a:+.4g} ({one.low:+.4g} to {one.high:+.4g})"
    said = f"{tested.metric.label} {one.a:.4g} -> {one.b:.4g}: {interval}, margin {margin:g}"
    if passed:
        return True, said, fact
    if needed is None:
        return False, f"{said}: worse by more than the margin", fact
    return (
        False,
        f"{said}: {pairs} examples cannot tell, it takes about {needed}",
        fact,
    )


def examples_needed(worse: float, error: float, margin: float, pairs: int) -> int | None:
    """Return how many examples it takes for a version that is as bad as it looks to pass.

    With n times the examples the error is 1 / sqrt(n) of today's; they let it pass with a
    probability of POWER (Julious 2004, Statistics in Medicine 23:1921). Where it looks worse than
    the margin, which few examples can make of any version: one that is as good as the incumbent.

    Args:
        worse: by how much the version looks worse.
        error: standard error of it.
        margin: by which it may be worse.
        pairs: how many examples there are.
    """
    room = margin - max(0.0, worse) if worse < margin else margin
    if not room:
        return None
    wide = quantile_of_t(1 - LEVEL / 2, pairs - 1) + quantile_of_t(POWER, pairs - 1)
    return max(FEWEST, pairs + 1, math.ceil(pairs * (wide * error / room) ** 2))
