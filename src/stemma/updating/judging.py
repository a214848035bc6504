"""What is known of a candidate beside the version in production, and what the gates say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stemma.registry import decision
from stemma.registry.case import Case, Outcome
from stemma.registry.decision import Tell
from stemma.registry.models import model_of
from stemma.registry.policy import RegistrySettings
from stemma.statistics import FEWEST
from stemma.statistics.paired import Difference
from stemma.store.registry import Registry
from stemma.store.version import Commit
from stemma.updating.lessons import PREFIX
from stemma.versions.comparison.pairs import pair
from stemma.versions.comparison.tested import differences
from stemma.versions.contents.metrics import metric_values, read_metrics

# What people do after a candidate is proposed: asked when it is promoted.
_LATER = ("promoted_from", "approved", "signed", "verified")


@dataclasses.dataclass(frozen=True)
class Compared:
    """A metric of both versions over some of the held-out documents, paired.

    Attributes:
        metric: its name.
        documents: over which: ``own``, those of the project; ``production``, those of its users.
        count: how many.
        difference: from the version in production to the candidate, with its 95 % interval.
    """

    metric: str
    documents: Literal["own", "production"]
    count: int
    difference: Difference


def compare(measured: Commit, candidate: Commit) -> tuple[Compared, ...]:
    """Compare both versions on the new test split; where documents are too few nothing is said.

    Args:
        measured: the version in production, measured again.
        candidate: the candidate.

    Raises:
        ProjectError: a file is torn.
    """
    pairs = pair(measured, candidate)
    if pairs is None:
        return ()
    names = list(metric_values(read_metrics(candidate) or {}))
    is_new = np.array([one.startswith(PREFIX) for one in pairs.ids], bool)
    sides: tuple[tuple[Literal["own", "production"], Any], ...] = (
        ("own", ~is_new), ("production", is_new),
    )  # fmt: skip
    return tuple(
        Compared(name, documents, int(chosen.sum()), difference)
        for documents, chosen in sides
        if chosen.sum() >= FEWEST
        for name, difference in differences(pairs.some(chosen), names).items()
    )


def stages_to(stage: str, settings: RegistrySettings) -> list[str]:
    """Return the stages that lead to one, itself the last."""
    found, one = [], stage
    while one is not None:
        found.insert(0, one)
        one = settings.stage(one).promotes_from
    return found


def judge(
    candidate: Commit, artifact: str, stage: str, registry: Registry, tell: Tell, root: Path
) -> tuple[Outcome, ...]:
    """Ask the gates of all stages that lead to a stage about a candidate that has no name yet.

    Raises:
        SettingsError: there is no such stage, or a setting of a gate is wrong.
    """
    settings, model = decision.settings_at(root), model_of(candidate, artifact, root)
    told: dict[str, Outcome] = {}
    for name in stages_to(stage, settings):
        current = registry.current(artifact, name)
        incumbent = decision.incumbent_of(current, root) if current else None
        case = Case(candidate, model, None, name, incumbent, settings, registry, root)
        for outcome in decision.judge(case, bool, _LATER):
            known = told.get(outcome.gate)
            # Two stages may ask the same; what one refuses the other cannot mend.
            if known is None or known.passed:
                told[outcome.gate] = outcome
    for outcome in told.values():
        tell(outcome)
    return tuple(told.values())
