"""The maximum mean discrepancy, against the definition and by simulation."""

import numpy as np
import pytest
from scipy import stats

from stemma.statistics.kernel import discrepancy, tail

DRAWS = np.random.default_rng(11)


def slowly(one: np.ndarray, other: np.ndarray) -> float:
    """Return the effect as it is defined, pair by pair."""

    def mean(a: np.ndarray, b: np.ndarray, skip: bool) -> float:
        pairs = [(x, y) for i, x in enumerate(a) for j, y in enumerate(b) if not (skip and i == j)]
        told = [np.exp(-np.square(x - y).sum() / width) for x, y in pairs]
        return float(np.mean(told))

    width = np.median([np.square(x - y).sum() for i, x in enumerate(one) for y in one[i + 1 :]])
    within = mean(one, one, True)
    squared = within + mean(other, other, True) - 2 * mean(one, other, False)
    return float(np.sqrt(max(0, squared) / (1 - within)))


def test_it_is_what_it_is_defined_as():
    one, other = DRAWS.normal(0, 1, (12, 3)), DRAWS.normal(1, 1, (9, 3))
    found = discrepancy(one, other, rounds=200)
    assert found.effect == pytest.approx(slowly(one, other))
    assert found.low < found.effect < found.high


def test_without_a_difference_p_is_uniform():
    found = [discrepancy(*DRAWS.normal(0, 1, (2, 40, 8)), rounds=300).p for _ in range(150)]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_a_difference_has_a_p_value_smaller_than_permutations_can_count():
    found = discrepancy(DRAWS.normal(0, 1, (150, 8)), DRAWS.normal(0.5, 1, (150, 8)), rounds=500)
    assert 0 < found.p < 1e-6 and found.low > 0.1


def test_points_that_are_all_the_same():
    assert discrepancy(np.ones((9, 4)), np.ones((9, 4))).p == 1
    apart = discrepancy(np.ones((60, 4)), np.zeros((60, 4)))
    assert apart.p < 1e-3


@pytest.mark.parametrize("degrees", [1, 8])
def test_the_fitted_tail_is_no_smaller_than_the_real_one(degrees: int):
    """Of sums of chi-squares, which the statistic is: on the mean of logarithms within a factor."""
    far = float(stats.chi2.isf(1e-6, degrees))
    found = [tail(DRAWS.chisquare(degrees, 2000), far) for _ in range(60)]
    ratio = float(np.median(np.log10(found))) + 6
    assert -0.3 < ratio < 1.5, ratio
