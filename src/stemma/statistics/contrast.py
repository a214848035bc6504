"""How far one sample stands off from another: the effect, its interval, and a p-value."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from stemma.statistics.proportion import wilson
from stemma.statistics.sign import sign_test
from stemma.statistics.significance import LEVEL


@dataclasses.dataclass(frozen=True)
class Contrast:
    """How far a sample stands off from a reference.

    Attributes:
        effect: how far; each function says in what.
        low: lower end of its interval, whose confidence is 1 - LEVEL.
        high: upper end of it.
        p: probability of one at least as far if both were drawn alike.
    """

    effect: float
    low: float
    high: float
    p: float


def superiority(reference: NDArray[np.float64], sample: NDArray[np.float64]) -> Contrast:
    """Return the probability that a value of the sample is greater than one of the reference.

    0.5 is no difference; ties count half. The p-value is that of the test of Mann and Whitney
    (1947) with the normal approximation, corrected for ties; the interval is DeLong's (1988,
    Biometrics 44:837) on the logit scale, on which it stays between 0 and 1.

    Args:
        reference: at least two values.
        sample: at least two values.
    """
    from scipy.stats import mannwhitneyu, rankdata

    n, m = len(reference), len(sample)
    both = np.concatenate([reference, sample])
    if np.all(both == both[0]):
        return Contrast(0.5, 0.5, 0.5, 1.0)
    p = float(mannwhitneyu(sample, reference, method="asymptotic").pvalue)
    ranks = np.asarray(rankdata(both))
    # Of each value, the share of the other side that lies below it.
    below = (ranks[n:] - np.asarray(rankdata(sample))) / n
    above = 1 - (ranks[:n] - np.asarray(rankdata(reference))) / m
    effect = float(below.mean())
    error = math.sqrt(below.var(ddof=1) / m + above.var(ddof=1) / n)
    # Where the two do not overlap nothing varies: as if one pair of them did.
    inside = min(max(effect, 0.5 / (n * m)), 1 - 0.5 / (n * m))
    z = NormalDist().inv_cdf(1 - LEVEL / 2)
    half = z * max(error, 1 / (n * m)) / (inside * (1 - inside))
    middle = math.log(inside / (1 - inside))
    low, high = _expit(middle - half), _expit(middle + half)
    return Contrast(effect, min(low, effect), max(high, effect), p)


def difference_of_shares(
    hits: int, trials: int, hits_now: int, trials_now: int, level: float = LEVEL
) -> Contrast:
    """Return by how much a share has grown.

    The p-value is that of Fisher's exact test; the interval is Newcombe's (1998, Statistics in
    Medicine 17:873, method 10), from the score intervals of both shares.

    Args:
        hits: of the reference.
        trials: of the reference, at least one.
        hits_now: of the sample.
        trials_now: of the sample, at least one.
        level: how often the interval misses.
    """
    from scipy.stats import fisher_exact

    one, now = hits / trials, hits_now / trials_now
    low, high = wilson(hits, trials, level)
    low_now, high_now = wilson(hits_now, trials_now, level)
    table = [[hits_now, trials_now - hits_now], [hits, trials - hits]]
    found: float = fisher_exact(table).pvalue  # pyright: ignore[reportAttributeAccessIssue]
    return Contrast(
        now - one,
        now - one - math.hypot(now - low_now, high - one),
        now - one + math.hypot(high_now - now, one - low),
        min(1.0, float(found)),
    )


def most_changed(reference: Sequence[str], sample: Sequence[str]) -> tuple[str, Contrast]:
    """Return which category's share has changed most surely, and by how much.

    Each category is asked about with Fisher's exact test and the smallest p-value is multiplied by
    their number (Bonferroni): unlike chi-square's, it holds far out in the tail where categories
    are rare. The interval is as much wider.

    Args:
        reference: the category of each, at least one.
        sample: likewise.
    """
    before, now = Counter(reference), Counter(sample)
    names = sorted({*before, *now})
    found = {
        name: difference_of_shares(
            before[name], len(reference), now[name], len(sample), LEVEL / len(names)
        )
        for name in names
    }
    first = min(names, key=lambda name: (found[name].p, -abs(found[name].effect)))
    one = found[first]
    return first, dataclasses.replace(one, p=min(1.0, one.p * len(names)))


def beyond(differences: NDArray[np.float64], tolerance: float) -> Contrast:
    """Return how far pairs lie apart that should be equal: the median of the absolute differences.

    The p-value is that of the sign test of whether at most half of them exceed the tolerance; the
    interval is between two of the sorted differences, and exact.

    Args:
        differences: of each pair, at least one.
        tolerance: above which a difference is one, such as rounding makes none.
    """
    from scipy.stats import binom

    sizes = np.sort(np.abs(differences))
    count = len(sizes)
    over = int((sizes > tolerance).sum())
    p = sign_test(over, count) / 2 if 2 * over > count else 1.0
    rank = int(binom.ppf(LEVEL / 2, count, 0.5))
    low, high = sizes[max(rank - 1, 0)], sizes[min(count - rank, count - 1)]
    return Contrast(float(np.median(sizes)), float(low), float(high), p)


def _expit(value: float) -> float:
    return 0.5 * (1 + math.tanh(value / 2))
