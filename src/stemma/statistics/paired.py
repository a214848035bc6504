"""The difference between two sides that were measured on the same examples."""

import dataclasses
import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemma.statistics.resampling import draw, turn
from stemma.statistics.significance import LEVEL, quantile_of_t

Metrics = Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]]
"""From sums over examples, shape (columns, ...), to metrics by name, shape (...)."""

__all__ = ["Difference", "compare", "jackknife"]

_TIES = 1e-9


@dataclasses.dataclass(frozen=True)
class Difference:
    """A metric of two sides, and how sure it is that they differ.

    Attributes:
        a: the metric of the first side.
        b: the metric of the second side.
        low: lower end of the interval of ``b - a``, whose confidence is 1 - LEVEL.
        high: upper end of it.
        error: standard error of ``b - a``.
        p: probability of a difference at least as large if the two sides of each pair were
            interchangeable.
        test: the test that ``p`` comes from.
    """

    a: float
    b: float
    low: float
    high: float
    error: float
    p: float
    test: Literal["permutation", "mcnemar"] = "permutation"


def compare(
    a: NDArray[np.float64], b: NDArray[np.float64], metrics: Metrics, rounds: int, seed: int
) -> dict[str, Difference]:
    """Compare metrics of two sides that were measured on the same examples.

    The interval is that of the paired percentile bootstrap (Efron 1979): an example is drawn
    together with both its sides. For small samples its percentiles are moved outwards (Hesterberg
    2015, The American Statistician 69:371, "expanded percentile"). The p-value is that of the
    paired permutation test (Fisher 1935; Noreen 1989): a coin decides for each pair whether its
    sides are swapped, and p = (1 + rounds at least as far apart) / (1 + rounds) (Phipson & Smyth
    2010).

    Args:
        a: columns of the first side, shape (columns, pairs), at least FEWEST pairs.
        b: columns of the second side, same shape and order.
        metrics: what is to be compared.
        rounds: how often the bootstrap draws, and how often the permutation swaps.
        seed: of the random numbers.

    Returns:
        The differences by metric, without the metrics that are not finite in every round.
    """
    count, pairs = a.shape
    # Overflow and 0 / 0 give numbers that are not finite; those are left out below.
    with np.errstate(all="ignore"):
        first, second = metrics(a.sum(axis=1)), metrics(b.sum(axis=1))
        drawn = draw(np.concatenate([a, b]), rounds, seed)
        drawn_a, drawn_b = metrics(drawn[:count]), metrics(drawn[count:])
        middle = ((a + b) / 2).sum(axis=1)[:, None]
        turned = turn((b - a) / 2, rounds, seed)
        swapped_a, swapped_b = metrics(middle - turned), metrics(middle + turned)
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
    a: NDArray[np.float64], b: NDArray[np.float64], metrics: Metrics
) -> dict[str, tuple[float, float]]:
    """Return the difference of each metric and its standard error, without random numbers.

    This is the paired jackknife (Tukey 1958; Efron & Tibshirani 1993, chapter 11): each example is
    left out once, with both its sides. Thousands of comparisons take a second; to judge a single
    one use ``compare``.

    Args:
        a: columns of the first side, shape (columns, pairs), at least two pairs.
        b: columns of the second side, same shape and order.
        metrics: what is to be compared.

    Returns:
        (difference, standard error) by metric; not finite where the metric is not.
    """
    pairs = a.shape[1]
    sums_a, sums_b = a.sum(axis=1), b.sum(axis=1)
    with np.errstate(all="ignore"):
        first, second = metrics(sums_a), metrics(sums_b)
        without_a, without_b = metrics(sums_a[:, None] - a), metrics(sums_b[:, None] - b)
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
    # Swaps that differ only by rounding count as equally far apart.
    far = int((np.abs(swaps) >= abs(b - a) * (1 - _TIES)).sum())
    p = (1 + far) / (1 + len(swaps))
    return Difference(float(a), float(b), low, high, float(spread.std(ddof=1)), p)


def _tail(pairs: int) -> float:
    # The variance of a resample is too small by (n - 1) / n, and t has wider tails than the normal
    # distribution.
    out = math.sqrt(pairs / (pairs - 1)) * quantile_of_t(1 - LEVEL / 2, pairs - 1)
    return NormalDist().cdf(-out)
