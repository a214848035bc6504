"""The histogram of the changes of many documents: how many got worse or better, and how much."""

import math

import numpy as np
from numpy.typing import NDArray

from stemma.pages.blocks import Histogram, Tone

_MOST = 16  # bins


def histogram(changes: NDArray[np.float64], unit: str) -> Histogram:
    """Return the histogram of the changes of losses.

    All bins have the same width, 1, 2 or 5 times a power of ten. 0 is an edge: documents that got
    better are on one side of it, those that got worse on the other.

    Args:
        changes: shape (documents,), not rounded, at least one not zero; lower is better.
        unit: of the changes.
    """
    moved = changes[changes != 0]
    least, most = min(moved.min(), 0.0), max(moved.max(), 0.0)
    width = _width((most - least) / _MOST)
    first, last = math.floor(least / width), math.ceil(most / width)
    # Not added up, which would round: the edge at 0 has to be exactly 0.
    edges = np.arange(first, last + 1) * width
    counts, _ = np.histogram(moved, edges)
    tones: list[Tone] = ["better" if index < 0 else "worse" for index in range(first, last)]
    still = len(changes) - len(moved)
    title = f"Change of each document, {unit}" + f" ({still:,} did not change)" * bool(still)
    return Histogram(
        title, tuple(edges.tolist()), tuple(counts.tolist()), tuple(tones), unit, "documents"
    )


def _width(least: float) -> float:
    size = 10.0 ** math.floor(math.log10(least))
    return next(step * size for step in (1, 2, 5, 10) if step * size >= least)
