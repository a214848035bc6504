"""What a model says of a prompt, brought to a few numbers."""

import math

import numpy as np
import pytest

from stemma.modeling.prompts import WIDTH, packed, projected, rarest, told, unpacked


def test_rare_tokens_make_no_more_than_their_share():
    counts = np.array([500, 3, 0, 490, 4, 3])
    assert rarest(counts).tolist() == [False, True, True, False, True, True], "10 of 1000"
    assert rarest(counts, 0.009).tolist() == [False, True, True, False, False, True]
    assert not rarest(np.array([60, 40])).any()


@pytest.mark.parametrize("size", [1, 8, 300])
def test_a_bit_for_each_token(size: int):
    common = np.random.default_rng(size).random(size) < 0.5
    found = unpacked(packed(common))
    assert found[:size].tolist() == common.tolist() and not found[size:].any()


def test_distances_are_kept():
    random = np.random.default_rng(1)
    means = random.normal(size=(40, 160))
    found = np.array([projected(np.stack([one, one])) for one in means], float)
    wanted = np.linalg.norm(means[::2] - means[1::2], axis=1)
    kept = np.linalg.norm(found[::2] - found[1::2], axis=1)
    assert found.shape == (40, WIDTH)
    assert np.mean(kept / wanted) == pytest.approx(1, abs=0.08)
    assert np.std(kept / wanted) < 2 / math.sqrt(2 * WIDTH)


def test_the_projection_is_the_same_for_ever():
    """Servers of later versions of this code compare with what was stored by this one."""
    found = projected(np.ones((3, 5)))[:4].tolist()
    assert found == pytest.approx([-0.00184, 0.20325, 0.16077, -0.02614], abs=1e-4)


def test_what_is_told():
    logprobs, states = np.array([-1.0, -2.0], np.float32), np.ones((3, 7), np.float32)
    common = np.array([True, False, True, True])
    found = told([0, 1, 3], logprobs, states, common, 3)
    assert found["nats"] == 1.5 and found["tokens"] == 3
    assert (found["rare"], found["unknown"]) == (1 / 3, 1 / 3)
    assert found["state"] == projected(states).tolist()
    assert told([9], logprobs[:0], None, common, None) == {
        "nats": None, "tokens": 1, "rare": 1.0, "unknown": 0.0, "state": None,
    }  # fmt: skip
    assert told([1], None, None, None, None)["rare"] is None
