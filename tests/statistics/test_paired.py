import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from stemma.statistics.paired import compare, jackknife
from stemma.statistics.significance import holm, quantile_of_t

LEVEL = 0.05


def ratio(sums: NDArray) -> dict[str, NDArray]:
    loss, size = sums
    return {"ratio": loss / size}


def documents(
    random: np.random.Generator, count: int, effect: float = 0
) -> tuple[NDArray, NDArray]:
    """Losses of two models over documents of very different sizes, in [loss, size] rows."""
    size = random.lognormal(8, 1, count)
    shared = random.normal(1.3, 0.1, count)
    noise = random.normal(0, 0.03, (2, count))
    return (
        np.stack([size * (shared + noise[0]), size]),
        np.stack([size * (shared + effect + noise[1]), size]),
    )


def test_the_interval_is_scipys_but_for_the_percentiles() -> None:
    a, b = documents(np.random.default_rng(3), 40, 0.02)
    found = compare(a, b, ratio, 20_000, 0)["ratio"]

    def difference(loss_a, loss_b, size, axis=-1):
        return (loss_b.sum(axis) - loss_a.sum(axis)) / size.sum(axis)

    expected = stats.bootstrap(
        (a[0], b[0], a[1]),
        difference,
        paired=True,
        method="percentile",
        n_resamples=20_000,
        vectorized=True,
        # Hesterberg's percentiles for 40 examples.
        confidence_level=1 - 2 * stats.norm.cdf(-np.sqrt(40 / 39) * stats.t.ppf(0.975, 39)),
        rng=np.random.default_rng(1),
    )
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=width / 40)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=width / 40)
    assert found.error == pytest.approx(expected.standard_error, rel=0.03)
    assert found.b - found.a == pytest.approx(difference(a[0], b[0], a[1]))


@pytest.mark.parametrize(("seed", "effect"), [(0, 0.0), (1, 0.01), (2, 0.02)])
def test_the_p_value_is_scipys(seed: int, effect: float) -> None:
    # 2 ** 12 swaps are few enough for scipy to try each.
    a, b = documents(np.random.default_rng(seed), 12, effect)

    def difference(loss_a, loss_b, axis=-1):
        return (loss_b.sum(axis) - loss_a.sum(axis)) / a[1].sum()

    exact = stats.permutation_test(
        (a[0], b[0]), difference, permutation_type="samples", vectorized=True, n_resamples=np.inf
    ).pvalue
    found = compare(a, b, ratio, 20_000, 0)["ratio"].p
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


def test_a_figure_that_is_no_sum_is_swapped_as_a_whole() -> None:
    # With other sizes on the two sides, and a bend: what is swapped are documents, not metrics.
    random = np.random.default_rng(5)
    a, b = random.lognormal(0, 1, (2, 2, 10))

    def bent(sums: NDArray) -> dict[str, NDArray]:
        return {"bent": np.exp(sums[0] / sums[1])}

    def difference(loss_a, size_a, loss_b, size_b):
        return np.exp(loss_b.sum() / size_b.sum()) - np.exp(loss_a.sum() / size_a.sum())

    observed = abs(difference(*a, *b))
    swapped = [
        abs(difference(*np.where(coins, a, b), *np.where(coins, b, a)))
        for coins in (np.array(np.unravel_index(i, (2,) * 10), bool) for i in range(2**10))
    ]
    exact = np.mean(np.array(swapped) >= observed - 1e-12)
    assert compare(a, b, bent, 20_000, 0)["bent"].p == pytest.approx(exact, abs=0.02)


def test_same_seed_same_answer_whatever_else_is_asked() -> None:
    a, b = documents(np.random.default_rng(0), 30)
    one = compare(a, b, ratio, 500, 3)
    assert compare(a, b, ratio, 500, 3) == one
    assert compare(a, b, ratio, 500, 4) != one
    more = compare(a, b, lambda sums: ratio(sums) | {"loss": sums[0]}, 500, 3)
    assert more["ratio"] == one["ratio"]


def test_no_difference_at_all() -> None:
    a, _ = documents(np.random.default_rng(0), 30)
    found = compare(a, a, ratio, 500, 0)["ratio"]
    assert (found.low, found.high, found.error, found.p) == (0, 0, 0, 1)


def test_what_is_not_finite_is_left_out() -> None:
    a, b = documents(np.random.default_rng(0), 30)

    def metrics_of(sums: NDArray) -> dict[str, NDArray]:
        return ratio(sums) | {"perplexity": np.exp(sums[0]), "nothing": sums[0] / (0 * sums[1])}

    assert list(compare(a, b, metrics_of, 100, 0)) == ["ratio"]


@pytest.mark.parametrize("count", [8, 34])
def test_false_alarms_and_coverage_are_as_claimed(count: int) -> None:
    random = np.random.default_rng(count)
    rounds = 1000
    alarms = covered = 0
    for seed in range(rounds):
        found = compare(*documents(random, count), ratio, 999, seed)["ratio"]
        alarms += found.p <= LEVEL
        covered += found.low <= 0 <= found.high
    # A permutation test is exact: within what as many coins of 5 % would show in 999 of 1,000.
    assert alarms <= stats.binom.ppf(0.999, rounds, LEVEL)
    # The bootstrap is right as documents grow many; a third of all tokens in one document is hard.
    assert covered >= stats.binom.ppf(0.001, rounds, 0.92)


def test_the_jackknife_of_a_mean_is_the_t_test() -> None:
    values = np.random.default_rng(0).normal(0, 1, (2, 20))
    a, b = (np.stack([side, np.ones(20)]) for side in values)
    difference, error = jackknife(a, b, ratio)["ratio"]
    assert error == pytest.approx(stats.sem(b[0] - a[0]))
    assert difference / error == pytest.approx(stats.ttest_rel(b[0], a[0]).statistic)


def test_the_jackknife_of_a_ratio_is_near_the_bootstrap() -> None:
    a, b = documents(np.random.default_rng(1), 200, 0.01)
    difference, error = jackknife(a, b, ratio)["ratio"]
    drawn = compare(a, b, ratio, 5000, 0)["ratio"]
    assert difference == pytest.approx(drawn.b - drawn.a)
    assert error == pytest.approx(drawn.error, rel=0.1)


@pytest.mark.parametrize("count", [12, 34])
def test_false_alarms_of_the_jackknife(count: int) -> None:
    random = np.random.default_rng(count)
    rounds = 2000
    limit = quantile_of_t(1 - LEVEL / 2, count - 1)
    found = (jackknife(*documents(random, count), ratio)["ratio"] for _ in range(rounds))
    alarms = sum(abs(difference) > error * limit for difference, error in found)
    assert 0.03 * rounds < alarms <= stats.binom.ppf(0.999, rounds, 0.07), "near 5 %"


def test_of_several_figures_holm_lets_any_be_false_in_one_case_of_twenty() -> None:
    random = np.random.default_rng(0)
    rounds, count, pairs = 600, 4, 20
    names = [f"metric-{index}" for index in range(count)]
    alarms = 0
    for seed in range(rounds):
        a, b = random.lognormal(0, 1, (2, count, pairs))
        found = compare(a, b, lambda sums: dict(zip(names, sums, strict=True)), 999, seed)
        alarms += min(holm({name: one.p for name, one in found.items()}).values()) <= LEVEL
    assert alarms <= stats.binom.ppf(0.999, rounds, LEVEL)
    assert alarms > 0, "a test that never rings shows nothing"


def test_holds_no_more_than_a_block_of_the_draws() -> None:
    import tracemalloc

    a, b = documents(np.random.default_rng(0), 20_000)
    tracemalloc.start()
    compare(a, b, ratio, 300, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All draws at once would be 300 x 20,000 x 8 bytes, 48 MB.
    assert peak < 8e6
