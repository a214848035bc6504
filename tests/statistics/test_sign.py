"""The sign test against SciPy's exact binomial test."""

import pytest
from scipy.stats import binomtest

from stemma.statistics.sign import sign_test


@pytest.mark.parametrize("trials", [1, 2, 5, 16, 37, 400])
def test_it_is_the_exact_binomial_test(trials: int):
    for hits in range(0, trials + 1, max(1, trials // 20)):
        wanted = binomtest(hits, trials, 0.5).pvalue
        assert sign_test(hits, trials) == pytest.approx(wanted, rel=1e-9)


def test_its_ends():
    assert sign_test(0, 0) == 1
    assert sign_test(3, 6) == 1
    assert 0 <= sign_test(0, 5000) < 1e-300
