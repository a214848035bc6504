"""Tokens are drawn as a plain reference in numpy says, and from their seed alone."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import chisquare

from stemma.errors import ModelError
from stemma.serving.engines.sampling import Sampler

SCORES = arrays.arrays(
    np.float32, st.integers(2, 40), elements=st.floats(-30, 30, width=32), unique=True
)
DRAWS = 4000


def sampler(temperature: float = 1.0, top_p: float = 1.0, top_k: int = 0, seed: int = 0, **how):
    return Sampler(temperature, top_p, top_k, seed, **how)


def reference(scores: np.ndarray, temperature: float, top_p: float, top_k: int) -> np.ndarray:
    """Return the probability with which each token is drawn."""
    shares = np.exp(scores.astype(np.float64) / temperature - scores.max() / temperature)
    shares /= shares.sum()
    order = np.argsort(-scores, kind="stable")[: top_k or len(scores)]
    before = np.cumsum(shares[order]) - shares[order]
    order = order[(before < top_p) | (np.arange(len(order)) == 0)]
    found = np.zeros_like(shares)
    found[order] = shares[order]
    return found / found.sum()


@given(scores=SCORES, seed=st.integers(-(2**63), 2**63 - 1))
def test_no_temperature_takes_the_greatest(scores, seed):
    for how in ({}, {"top_k": 3}, {"top_p": 0.4}):
        assert sampler(0.0, seed=seed, **how)(torch.tensor(scores)).token == scores.argmax()


@given(
    scores=SCORES, temperature=st.floats(0.1, 2), top_p=st.floats(0.05, 1), top_k=st.integers(0, 50)
)
def test_nothing_is_drawn_that_the_settings_leave_out(scores, temperature, top_p, top_k):
    allowed = reference(scores, temperature, top_p, top_k)
    # Sums that a rounding puts on either side of top_p are no error.
    looser = reference(scores, temperature, min(1.0, top_p + 1e-9), top_k)
    one = sampler(temperature, top_p, top_k, seed=len(scores))
    for _ in range(20):
        token = one(torch.tensor(scores)).token
        assert allowed[token] > 0 or looser[token] > 0


def test_of_two_scores_with_the_same_share_the_greater_is_drawn():
    scores = torch.tensor([0.0, 1e-30])
    for how in ({"top_k": 1}, {"top_p": 0.1}):
        assert {sampler(seed=one, **how)(scores).token for one in range(20)} == {1}


@pytest.mark.parametrize(
    ("temperature", "top_p", "top_k"),
    [(1.0, 1.0, 0), (0.5, 1.0, 0), (2.0, 1.0, 0), (1.0, 0.8, 0), (1.0, 1.0, 4), (1.5, 0.7, 6)],
)
def test_the_draws_are_distributed_as_they_should_be(temperature: float, top_p: float, top_k: int):
    scores = np.random.default_rng(0).normal(0, 1.5, 12).astype(np.float32)
    expected = reference(scores, temperature, top_p, top_k)
    one, given_scores = sampler(temperature, top_p, top_k, seed=1), torch.tensor(scores)
    counts = np.bincount([one(given_scores).token for _ in range(DRAWS)], minlength=len(scores))
    assert counts[expected == 0].sum() == 0
    there = expected > 0
    assert chisquare(counts[there], DRAWS * expected[there]).pvalue > 0.001


@pytest.mark.parametrize(("top_p", "top_k"), [(0.9, 0), (0.999, 0), (1.0, 700), (0.5, 700)])
def test_a_vocabulary_of_which_only_the_likeliest_are_looked_at_first(top_p: float, top_k: int):
    """Nearly flat scores, of which more than the first 512 are needed."""
    scores = np.random.default_rng(2).normal(0, 0.1, 2000).astype(np.float32)
    expected = reference(scores, 1.0, top_p, top_k)
    one, given_scores = sampler(1.0, top_p, top_k, seed=3), torch.tensor(scores)
    drawn = [one(given_scores).token for _ in range(1500)]
    assert all(expected[token] > 0 for token in drawn)
    groups = np.array_split(np.argsort(-expected)[: int((expected > 0).sum())], 8)
    counts = [int(np.isin(drawn, group).sum()) for group in groups]
    assert chisquare(counts, [1500 * expected[group].sum() for group in groups]).pvalue > 0.001


def test_the_same_seed_draws_the_same_whatever_else_is_drawn():
    scores = torch.tensor(np.random.default_rng(4).normal(0, 1, 300).astype(np.float32))
    one, other = sampler(seed=7), sampler(seed=8)
    mixed = []
    for _ in range(30):
        mixed.append(one(scores).token)
        other(scores)
        torch.rand(5)
    again = sampler(seed=7)
    assert mixed == [again(scores).token for _ in range(30)]
    assert mixed != [other(scores).token for _ in range(30)]
    assert len(set(mixed)) > 10


def test_seeds_side_by_side_draw_independently():
    """The ``n`` answers of a request have seeds in a row."""
    scores = torch.zeros(10)
    counts = np.bincount([sampler(seed=one)(scores).token for one in range(2000)], minlength=10)
    assert chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_scores_that_are_no_numbers_are_refused(wrong: float, temperature: float):
    with pytest.raises(ModelError, match="no numbers"):
        sampler(temperature)(torch.tensor([0.0, wrong, 1.0]))
    with pytest.raises(ModelError, match="no numbers"):
        sampler(temperature)(torch.full((3,), -float("inf")))


def test_a_token_that_cannot_come_is_not_drawn():
    scores = torch.tensor([-float("inf"), 0.0, -float("inf")])
    assert {sampler(2.0, seed=one)(scores).token for one in range(20)} == {1}


def test_a_grammar_narrows_the_draw_and_not_what_is_told():
    def only_last(scores: torch.Tensor) -> torch.Tensor:
        scores[:-1] = -float("inf")
        return scores

    scores = torch.tensor([5.0, 1.0, 0.0])
    for temperature in (0.0, 1.0):
        found = sampler(temperature, logprobs=2, allow=only_last)(scores)
        assert found.token == 2
        wanted = scores.log_softmax(-1)
        assert found.logprob == pytest.approx(float(wanted[2]))
        assert [token for token, _ in found.likeliest] == [0, 1]
        assert found.likeliest[0][1] == pytest.approx(float(wanted[0]))
    assert scores.tolist() == [5.0, 1.0, 0.0]  # they are not the sampler's to change


def test_what_cannot_come_is_told_as_a_number():
    found = sampler(0.0, logprobs=3)(torch.tensor([-float("inf"), 0.0, 1.0]))
    assert [value for _, value in found.likeliest][-1] == -9999.0


def test_what_is_not_asked_is_not_told():
    found = sampler(0.0)(torch.tensor([0.0, 1.0]))
    assert found.logprob is None and found.likeliest == ()
    assert sampler(0.0, logprobs=20)(torch.tensor([0.0, 1.0])).likeliest[0][0] == 1


def test_draws_are_the_ones_that_they_were():
    """A seed is part of what a client keeps: other draws for it are another behaviour."""
    scores = torch.linspace(0, 3, 50)
    one = sampler(0.8, 0.95, 40, seed=123)
    drawn = bytes(one(scores).token for _ in range(64))
    assert hashlib.sha256(drawn).hexdigest()[:16] == "bea814bca856936f"
