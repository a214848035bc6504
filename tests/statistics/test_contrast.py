"""How far samples stand off from one another, against scipy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from stemma.statistics.contrast import beyond, difference_of_shares, most_changed, superiority

DRAWS = np.random.default_rng(7)


def test_superiority_is_mann_whitneys():
    one, other = DRAWS.poisson(5, 80).astype(float), DRAWS.poisson(6, 120).astype(float)
    found = superiority(one, other)
    wanted = stats.mannwhitneyu(other, one, method="asymptotic")
    assert found.p == pytest.approx(wanted.pvalue)
    assert found.effect == pytest.approx(wanted.statistic / (80 * 120))
    assert found.low < found.effect < found.high


def test_the_interval_of_superiority_holds_what_it_claims():
    truth = stats.norm.cdf(0.5 / np.sqrt(2))
    within = 0
    for _ in range(400):
        found = superiority(DRAWS.normal(0, 1, 60), DRAWS.normal(0.5, 1, 60))
        within += found.low <= truth <= found.high
    assert 0.92 < within / 400 < 0.98


def test_superiority_at_the_ends():
    apart = superiority(np.arange(20.0), np.arange(100.0, 120.0))
    assert apart.effect == 1 and 0.5 < apart.low < apart.high <= 1 and apart.p < 1e-6
    same = superiority(np.ones(9), np.ones(5))
    assert (same.effect, same.p) == (0.5, 1)


def test_shares_are_newcombes_and_fishers():
    # Newcombe 1998, table II, comparison (a), method 10: 56/70 and 48/80.
    found = difference_of_shares(48, 80, 56, 70)
    assert found.effect == pytest.approx(0.2)
    assert (found.low, found.high) == (
        pytest.approx(0.0524, abs=5e-5),
        pytest.approx(0.3339, abs=5e-5),
    )
    assert found.p == pytest.approx(stats.fisher_exact([[56, 14], [48, 32]]).pvalue)
    assert difference_of_shares(0, 9, 0, 9).p == 1


def test_the_category_that_changed_is_named():
    name, found = most_changed(["en"] * 90 + ["de"] * 10, ["en"] * 50 + ["de"] * 12 + ["fr"] * 38)
    assert name == "fr" and found.effect == pytest.approx(0.38) and found.p < 1e-9
    name, found = most_changed(["en"] * 5, ["en"] * 5)
    assert (name, found.effect, found.p) == ("en", 0, 1)


def test_no_rare_category_makes_small_p_values():
    small = 0
    shares = np.array([0.9, *[0.002] * 50])
    for _ in range(200):
        draws = DRAWS.choice(51, size=(2, 200), p=shares / shares.sum()).astype(str)
        small += most_changed(draws[0].tolist(), draws[1].tolist())[1].p < 0.05
    assert small <= 18


def test_pairs_differ_beyond_a_tolerance():
    found = beyond(DRAWS.normal(0, 0.02, 60), 0.001)
    assert 0.005 < found.low < found.effect < found.high < 0.03 and found.p < 1e-9
    assert beyond(DRAWS.normal(0, 1e-7, 60), 0.001).p == 1
    within = 0
    for _ in range(400):
        found = beyond(DRAWS.exponential(1, 41), 1)
        within += found.low <= np.log(2) <= found.high
    assert within / 400 > 0.93
