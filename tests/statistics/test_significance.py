import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stemma.statistics.significance import POWER, holm, mcnemar, quantile_of_t, smallest_effect


def sides(only_a: int, only_b: int, both: int = 3) -> tuple[np.ndarray, np.ndarray]:
    a = np.array([True] * only_a + [False] * only_b + [True] * both + [False])
    b = np.array([False] * only_a + [True] * only_b + [True] * both + [False])
    return a, b


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_less_half_of_what_was_seen(only_a: int, only_b: int) -> None:
    total, fewer = only_a + only_b, min(only_a, only_b)
    seen = stats.binom.pmf(fewer, total, 0.5)
    twice = 2 * stats.binom.cdf(fewer, total, 0.5)
    assert mcnemar(*sides(only_a, only_b)) == pytest.approx(twice - seen)
    if total and only_a != only_b:
        exact = stats.binomtest(fewer, total).pvalue
        assert mcnemar(*sides(only_a, only_b)) == pytest.approx(exact - seen)


def test_mcnemar_on_published_figures() -> None:
    # Fagerland, Lydersen & Laake 2013, table 1: 1 and 7 discordant pairs of 21. statsmodels 0.15.0:
    # mcnemar([[1, 1], [7, 12]], exact=True).pvalue is 0.0703125; the mid-p value is 8 / 256 less.
    assert mcnemar(*sides(1, 7, both=1)) == pytest.approx(0.0703125 - 8 / 256)


def test_mcnemar_of_a_million_discordant_pairs() -> None:
    a = np.arange(1_000_000) < 499_000
    expected = 2 * stats.norm.sf(2000 / 1000)
    assert mcnemar(a, ~a) == pytest.approx(expected, rel=1e-3)


def test_mcnemar_keeps_its_level() -> None:
    random = np.random.default_rng(0)
    right = random.random((2, 4000, 80)) < 0.7
    alarms = sum(mcnemar(a, b) <= 0.05 for a, b in zip(*right, strict=True))
    # The 99.9 % point of as many coins of 5 %.
    assert alarms <= stats.binom.ppf(0.999, 4000, 0.05)


def test_holm_on_known_figures() -> None:
    # statsmodels 0.15.0: multipletests([0.01, 0.04, 0.03, 0.005], method="holm")[1]
    given = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    expected = {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    assert holm(given) == pytest.approx(expected)
    assert list(holm(given)) == list(given)
    assert holm({}) == {}
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize("degrees", [5, 7, 33, 10_000])
@pytest.mark.parametrize("probability", [0.1, 0.5, POWER, 0.975, 0.995, 0.998])
def test_quantiles_of_t(degrees: int, probability: float) -> None:
    expected = stats.t.ppf(probability, degrees)
    assert quantile_of_t(probability, degrees) == pytest.approx(expected, rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("degrees", [5, 7, 33, 100])
def test_quantiles_of_t_lack_no_more_than_a_fifth_order(degrees: int) -> None:
    expected = stats.t.ppf(POWER, degrees)
    assert quantile_of_t(POWER, degrees) == pytest.approx(expected, rel=0.1 / degrees**5)


def test_the_smallest_effect_is_found_four_times_in_five() -> None:
    random = np.random.default_rng(0)
    pairs, rounds = 30, 20_000
    error = 1 / np.sqrt(pairs)
    effect = smallest_effect(error, pairs, 0.01)
    samples = random.normal(effect, 1, (rounds, pairs))
    found = stats.ttest_1samp(samples, 0, axis=1).pvalue <= 0.01
    assert found.mean() == pytest.approx(POWER, abs=0.02)
