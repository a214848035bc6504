"""How far two distributions lie apart."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def kolmogorov_smirnov(one: NDArray[np.integer], other: NDArray[np.integer]) -> float:
    """Return the two-sample Kolmogorov-Smirnov distance, 0 to 1.

    It is the largest difference between the two empirical cumulative distributions, D in Smirnov
    1939 (Bulletin mathématique de l'Université de Moscou 2:3).

    Args:
        one: values of the first sample, at least one.
        other: values of the second.
    """
    one, other = np.sort(one), np.sort(other)
    values = np.concatenate([one, other])
    below = [np.searchsorted(side, values, side="right") / len(side) for side in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def jensen_shannon(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Return the Jensen-Shannon divergence of two histograms in bits, 0 to 1.

    It is the mean Kullback-Leibler divergence of both from the middle of the two (Lin 1991, IEEE
    Transactions on Information Theory 37:145).

    Args:
        one: counts by category, at least one of them positive.
        other: counts of the second histogram.
    """
    keys = sorted({*one, *other})
    shares = [
        np.array([side.get(key, 0) for key in keys]) / sum(side.values()) for side in (one, other)
    ]
    middle = (shares[0] + shares[1]) / 2
    return float(sum(_divergence(share, middle) for share in shares) / 2)


def _divergence(share: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    there = share > 0
    return float((share[there] * np.log2(share[there] / middle[there])).sum())
