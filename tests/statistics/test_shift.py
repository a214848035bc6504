"""Distances of distributions, against those of scipy."""

import numpy as np
import pytest
from scipy import spatial, stats

from stemma.statistics.shift import jensen_shannon, kolmogorov_smirnov


def test_distances_are_those_of_scipy():
    random = np.random.default_rng(0)
    one, other = random.integers(0, 50, 300), random.integers(5, 60, 200)
    expected = stats.ks_2samp(one, other).statistic
    assert kolmogorov_smirnov(one, other) == pytest.approx(expected)
    left, right = {"en": 5, "de": 3}, {"en": 2, "fr": 4}
    expected = spatial.distance.jensenshannon([5, 3, 0], [2, 0, 4], base=2) ** 2
    assert jensen_shannon(left, right) == pytest.approx(expected)
    assert jensen_shannon(left, left) == 0 and jensen_shannon({"en": 1}, {"fr": 1}) == 1
