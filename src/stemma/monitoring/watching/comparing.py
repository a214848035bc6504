"""All features of one version: drawn from its window and its reference, and judged."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from stemma.monitoring.measured import Probe
from stemma.monitoring.reference import Reference
from stemma.monitoring.watching.features import FEATURES, Feature
from stemma.monitoring.watching.judging import Against, Finding, judge, unknown
from stemma.monitoring.watching.requests import Request, drawn, first
from stemma.monitoring.watching.settings import WatchSettings


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of a version.

    Attributes:
        window: its requests in the window.
        earliest: its first requests that are still recorded, in their order.
        probes: what its engine said of prompts of the reference in the window.
        reference: what evaluation kept; None if it kept nothing.
    """

    window: Sequence[Request]
    earliest: Sequence[Request]
    probes: Iterable[Probe]
    reference: Reference | None


def compare(
    evidence: Evidence, against: Against, settings: WatchSettings, level: float
) -> tuple[Finding, ...]:
    """Return what is found of each feature.

    Args:
        evidence: what is known.
        against: with what to compare where evaluation knows a feature.
        settings: sizes and thresholds.
        level: below which the p-value of one test may alarm.
    """
    return tuple(
        _pairs(one, evidence, settings, level)
        if one.kind == "pairs"
        else _requests(one, evidence, against, settings, level)
        for one in FEATURES
    )


def _requests(
    feature: Feature, evidence: Evidence, against: Against, settings: WatchSettings, level: float
) -> Finding:
    size = settings.feedback if feature.name == "thumbs_down" else settings.sample
    threshold = settings.thresholds[feature.name]
    value = feature.of_request
    known = against == "evaluation" and feature.of_row and evidence.reference
    reference = _of_rows(feature.of_row, evidence.reference) if known else []
    window = evidence.window
    if len(reference) >= settings.least_reference:
        source: Against = "evaluation"
    else:
        source = "first"
        began = first(evidence.earliest, value, size)
        if began is None:
            return unknown(feature, source, _few(evidence.earliest, value, size), threshold)
        reference = [found for _, found in began]
        # The two samples share no request.
        last = began[-1][0].record.number or 0
        window = [one for one in window if (one.record.number or 0) > last]
    sample = drawn(window, value, size)
    if sample is None:
        return unknown(feature, source, _few(window, value, size), threshold)
    return judge(feature, source, reference, [found for _, found in sample], threshold, level)


def _of_rows(of_row: Callable[..., Any] | None, reference: Reference | None) -> list[Any]:
    assert of_row and reference
    return [found for row in reference.rows if (found := of_row(row)) is not None]


def _few(requests: Sequence[Request], value: Callable[[Request], Any], size: int) -> str:
    return f"{sum(value(one) is not None for one in requests)} of {size}"


def _pairs(feature: Feature, evidence: Evidence, settings: WatchSettings, level: float) -> Finding:
    threshold = settings.thresholds[feature.name]
    if evidence.reference is None:
        return unknown(feature, "evaluation", "no reference", threshold)
    told = _by_place(evidence.probes)
    rows = evidence.reference.rows
    pairs = [
        (nats, told[place])
        for place in sorted(told)
        if place < len(rows) and (nats := rows[place].measured.nats) == nats
    ]
    # So many coins that all fall alike are as rare as an alarm may be.
    needed = next(count for count in range(1, 200) if 0.5**count < level)
    if len(pairs) < needed:
        return unknown(feature, "evaluation", f"{len(pairs)} of {needed}", threshold)
    reference, window = zip(*pairs, strict=True)
    return judge(feature, "evaluation", reference, window, threshold, level)


def _by_place(probes: Iterable[Probe]) -> Mapping[int, float]:
    # The last: an engine that was restarted with other settings is another one.
    found: dict[int, float] = defaultdict(float)
    for one in probes:
        if one.nats == one.nats and one.place >= 0:
            found[one.place] = one.nats
    return found
