"""The difference between two sides that were measured on the same examples."""

import dataclasses
import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemma.statistics.resampling import draw, turn
from stemma.statistics.significance import quantile_of_t

Figures = Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]]
"""From sums over examples, shape (columns, ...), to figures by name, shape (...)."""

__all__ = ["Difference", "compare", "jackknife"]

_OUTSIDE = 0.05
_TIES = 1e-9


@dataclasses.dataclass(frozen=True)
class Difference:
    """A figure of two sides.

    Attributes:
        a: of the first.
        b: of the second.
        low: lower end of the 95 % interval of ``b - a``.
        high: its upper end.
        error: standard error of ``b - a``.
        p: chance of figures at least as far apart, were the sides of each pair interchangeable.
        test: where ``p`` is from.
    """

    a: float
    b: float
    low: float
    high: float
    error: float
    p: float
    test: Literal["permutation", "mcnemar"] = "permutation"


def compare(
    a: NDArray[np.float64], b: NDArray[np.float64], figures: Figures, rounds: int, seed: int
) -> dict[str, Difference]:
    """Compare figures of sums over examples, paired.

    The interval is the paired percentile bootstrap (Efron 1979), whose percentiles are moved out
    for small samples (Hesterberg 2015, The American Statistician 69:371, "expanded percentile"): an
    example is drawn with both its sides. The p-value is that of the paired permutation
    test (Fisher 1935; Noreen 1989): the sides of each pair are swapped by a coin, with
    p = (1 + swaps as far apart) / (1 + rounds) (Phipson & Smyth 2010).

    Args:
        a: columns of the first side, shape (columns, pairs), at least FEWEST pairs.
        b: of the second, same shape and order.
        figures: what to compare.
        rounds: of the bootstrap, and again of the permutation.
        seed: where the drawing starts.

    Returns:
        By figure; without those that are not finite in every round.
    """
    count, pairs = a.shape
    # Overflow and 0 / 0 give what is not finite, which is looked for below.
    with np.errstate(all="ignore"):
        first, second = figures(a.sum(axis=1)), figures(b.sum(axis=1))
        drawn = draw(np.concatenate([a, b]), rounds, seed)
        drawn_a, drawn_b = figures(drawn[:count]), figures(drawn[count:])
        middle = ((a + b) / 2).sum(axis=1)[:, None]
        turned = turn((b - a) / 2, rounds, seed)
        swapped_a, swapped_b = figures(middle - turned), figures(middle + turned)
        found = {
            name: (drawn_b[name] - drawn_a[name], swapped_b[name] - swapped_a[name])
            for name in first
        }
    return {
        name: _difference(first[name], second[name], spread, swaps, _tail(pairs))
        for name, (spread, swaps) in found.items()
        if np.isfinite(spread).all() and np.isfinite(swaps).all()
    }


def jackknife(
    a: NDArray[np.float64], b: NDArray[np.float64], figures: Figures
) -> dict[str, tuple[float, float]]:
    """Return the difference of each figure and its standard error, without drawing anything.

    The paired jackknife (Tukey 1958; Efron & Tibshirani 1993, chapter 11): each example is left out
    once, with both its sides. Thousands of comparisons take a second; ``compare`` judges one.

    Args:
        a: columns of the first side, shape (columns, pairs), at least two pairs.
        b: of the second, same shape and order.
        figures: what to compare.

    Returns:
        By figure; not finite where the figure is not.
    """
    pairs = a.shape[1]
    sums_a, sums_b = a.sum(axis=1), b.sum(axis=1)
    with np.errstate(all="ignore"):
        first, second = figures(sums_a), figures(sums_b)
        without_a, without_b = figures(sums_a[:, None] - a), figures(sums_b[:, None] - b)
        found = {}
        for name in first:
            spread = without_b[name] - without_a[name]
            error = math.sqrt((pairs - 1) / pairs * np.square(spread - spread.mean()).sum())
            found[name] = float(second[name] - first[name]), error
    return found


def _difference(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    spread: NDArray[np.float64],
    swaps: NDArray[np.float64],
    tail: float,
) -> Difference:
    low, high = np.quantile(spread, [tail, 1 - tail]).tolist()
    # Swaps that only round differently are as far apart.
    far = int((np.abs(swaps) >= abs(b - a) * (1 - _TIES)).sum())
    p = (1 + far) / (1 + len(swaps))
    return Difference(float(a), float(b), low, high, float(spread.std(ddof=1)), p)


def _tail(pairs: int) -> float:
    # A resample varies by (n - 1) / n too little, and the quantiles of t are further out.
    out = math.sqrt(pairs / (pairs - 1)) * quantile_of_t(1 - _OUTSIDE / 2, pairs - 1)
    return NormalDist().cdf(-out)
