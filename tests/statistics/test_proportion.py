import pytest
from scipy.stats import binomtest

from stemma.statistics.proportion import trials_needed, wilson


@pytest.mark.parametrize(("hits", "trials"), [(0, 100), (1, 3), (7, 100), (100, 100), (50, 1000)])
def test_the_interval_is_that_of_scipy(hits, trials):
    theirs = binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson(hits, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("share", "limit"), [(0, 0.01), (0.01, 0.02), (0.5, 0.55)])
def test_as_many_trials_as_are_needed_and_no_fewer(share, limit):
    needed = trials_needed(share, limit)
    assert needed
    enough = -(-needed // 100) * 100
    assert wilson(round(share * enough), enough)[1] <= limit
    few = int(needed * 0.9)
    assert wilson(-int(-share * few // 1), few)[1] > limit


def test_no_number_of_trials_shows_what_is_not_so():
    assert trials_needed(0.02, 0.02) is None
