"""What metrics.json and formats.json hold: which keys are metrics, and why some are missing."""

from collections.abc import Mapping
from typing import Any

from stemma.statistics import FEWEST

COUNTS = ("documents", "tokens", "bytes", "not_restored")
"""Keys of metrics.json that say how much was measured, and of how many documents the text does not
come back from its tokens."""
ENDS = ("_low", "_high")
"""What the name of a metric ends with where its value is an end of the metric's interval."""


def names_of(metrics: Mapping[str, Any]) -> list[str]:
    """Return the names of the metrics in metrics.json or formats.json.

    Counts, ends of intervals, and whatever is not a number are left out.
    """
    return [
        name
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
        if name not in COUNTS and not name.endswith(ENDS)
    ]


def headline(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return a model's metrics, each with the ends of its interval if it has one."""
    keys = [f"{name}{end}" for name in names_of(metrics) for end in ("", *ENDS)]
    return {key: metrics[key] for key in keys if key in metrics}


def remarks(metrics: Mapping[str, Any]) -> list[str]:
    """Return sentences that say why metrics.json lacks what others have."""
    documents, lost = metrics.get("documents", FEWEST), metrics.get("not_restored")
    told = []
    if documents < FEWEST:
        told.append(f"No intervals: they take {FEWEST} documents or more.")
    if lost:
        told.append(
            f"No bits per byte: of {lost:,} of the {documents:,} the text does not come back from "
            "its tokens, whose loss is the length of no code for it then."
        )
    return told
