"""One feature: how far the window stands off from its reference, and whether that is an alarm."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from stemma.monitoring.watching.features import Feature, Kind
from stemma.statistics import kernel
from stemma.statistics.contrast import (
    Contrast,
    beyond,
    difference_of_shares,
    most_changed,
    superiority,
)

Against = Literal["evaluation", "first"]
Verdict = Literal["ok", "drift", "cannot tell"]
NONE = {"number": 0.5}
"""The effect of a kind where nothing differs, if that is not 0."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is found of one feature.

    Attributes:
        feature: its name.
        label: as it is written.
        against: what it is compared with: what evaluation kept, or the version's first requests.
        verdict: whether it is an alarm.
        why: why it cannot be told, or which language has changed; else "".
        values: how many of the reference and of the window were compared.
        reference: median of a number or distance, share of a yes or of the language.
        window: likewise.
        effect: of a number the probability that one of the window is the greater; of a share by
            how much it has grown; of vectors their discrepancy in spreads; of probes nats.
        low: lower end of its 95 % interval.
        high: upper end of it.
        p: probability of an effect at least as great if both were drawn alike.
        threshold: which the effect must reach to alarm; of a number, its distance from 0.5.
        kind: how it was compared.
        advice: what to do if it alarms.
    """

    feature: str
    label: str
    against: Against
    verdict: Verdict
    why: str = ""
    values: tuple[int, int] = (0, 0)
    reference: float | None = None
    window: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    threshold: float = 0.0
    kind: Kind = "number"
    advice: str = ""

    @property
    def alarms(self) -> bool:
        """Whether it is an alarm."""
        return self.verdict == "drift"

    @property
    def in_thresholds(self) -> tuple[float, float, float] | None:
        """Low end, effect and high end with 0 for no difference and 1 for the threshold."""
        if self.effect is None or self.low is None or self.high is None:
            return None
        none, unit = NONE.get(self.kind, 0.0), self.threshold or 1.0
        low, middle, high = ((end - none) / unit for end in (self.low, self.effect, self.high))
        return low, middle, high


def judge(
    feature: Feature, against: Against, reference: Sequence[Any], window: Sequence[Any],
    threshold: float, level: float,
) -> Finding:  # fmt: skip
    """Compare the values of a feature.

    Args:
        feature: which.
        against: where the reference comes from.
        reference: its values; of pairs what evaluation said.
        window: those of the window; of pairs what the engine says, in the same order.
        threshold: which the effect must reach.
        level: below which p must lie.
    """
    contrast, ends, why = _compared(feature, reference, window, threshold)
    away = contrast.effect - NONE.get(feature.kind, 0.0)
    far = away >= threshold if feature.worse else abs(away) >= threshold
    drift = far and contrast.p < level
    return Finding(
        feature.name, feature.label, against, "drift" if drift else "ok", why,
        (len(reference), len(window)), *ends, contrast.effect, contrast.low, contrast.high,
        contrast.p, threshold, feature.kind, feature.advice,
    )  # fmt: skip


def unknown(feature: Feature, against: Against, why: str, threshold: float) -> Finding:
    """Return that it cannot be told, and why."""
    return Finding(
        feature.name, feature.label, against, "cannot tell", why, threshold=threshold,
        kind=feature.kind, advice=feature.advice,
    )  # fmt: skip


def _compared(
    feature: Feature, reference: Sequence[Any], window: Sequence[Any], threshold: float
) -> tuple[Contrast, tuple[float | None, float | None], str]:
    if feature.kind == "share":
        counts = sum(reference), len(reference), sum(window), len(window)
        shares = counts[0] / counts[1], counts[2] / counts[3]
        return difference_of_shares(*counts), shares, ""
    if feature.kind == "category":
        name, contrast = most_changed(reference, window)
        shares = (Counter(one)[name] / len(one) for one in (reference, window))
        return contrast, (next(shares), next(shares)), name
    sides = np.asarray(reference, np.float64), np.asarray(window, np.float64)
    if feature.kind == "vector":
        return kernel.discrepancy(*sides), (None, None), ""
    middles = float(np.median(sides[0])), float(np.median(sides[1]))
    if feature.kind == "pairs":
        return beyond(sides[1] - sides[0], threshold), middles, ""
    return superiority(*sides), middles, ""
