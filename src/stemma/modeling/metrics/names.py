"""What metrics.json and formats.json hold: which of it are figures, and why some are not there."""

from collections.abc import Mapping
from typing import Any

from stemma.statistics import FEWEST

COUNTS = ("documents", "tokens", "bytes", "not_restored")
"""Of metrics.json: how much was measured, and of how many documents the text does not come back
from its tokens."""
ENDS = ("_low", "_high")
"""Of the interval of a figure, behind its name; there is none where there are too few examples."""


def names_of(metrics: Mapping[str, Any]) -> list[str]:
    """Return the names of the figures in metrics.json or formats.json.

    No counts, no ends of intervals, nothing but numbers.
    """
    return [
        name
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
        if name not in COUNTS and not name.endswith(ENDS)
    ]


def remarks(metrics: Mapping[str, Any]) -> list[str]:
    """Return why metrics.json lacks what others have, in sentences."""
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
