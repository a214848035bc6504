"""The formulas by which models are merged, against numbers worked out by hand and in numpy."""

import numpy as np
import pytest
import torch

from stemma.modeling.bases.methods import average, task_arithmetic, ties, trimmed


def tensors(*rows: list[float]) -> list[torch.Tensor]:
    return [torch.tensor(row) for row in rows]


def test_the_average_is_the_weighted_mean():
    parents = tensors([1.0, 2.0], [3.0, 6.0])
    assert average(parents, (1.0, 1.0)).tolist() == [2.0, 4.0]
    assert average(parents, (1.0, 3.0)).tolist() == [2.5, 5.0]
    assert average(parents, (0.25, 0.75)).tolist() == [2.5, 5.0]


def test_the_average_of_equal_models_is_the_model():
    torch.manual_seed(0)
    one = torch.randn(1000)
    assert torch.equal(average([one, one], (1.0, 1.0)), one)


def test_task_arithmetic_adds_scaled_changes():
    ancestor, *parents = tensors([1.0, 1.0, 1.0], [2.0, 1.0, 0.0], [1.0, 3.0, 3.0])
    assert task_arithmetic(parents, (1.0, 1.0), ancestor).tolist() == [2.0, 3.0, 2.0]
    assert task_arithmetic(parents, (0.5, -1.0), ancestor).tolist() == [1.5, -1.0, -1.5]


def test_ties_trims_elects_and_averages_what_agrees():
    ancestor = torch.tensor([10.0, 10.0, 10.0, 10.0])
    changes = tensors([3.0, -1.0, 0.5, 2.0], [-1.0, -4.0, 0.5, 3.0])
    parents = [ancestor + change for change in changes]
    # Kept: 3 and 2 of the one, -4 and 3 of the other.
    assert ties(parents, (1.0, 1.0), ancestor, 0.5).tolist() == [13.0, 6.0, 10.0, 12.5]
    # All are kept, and of the first entry only what has the sign of 3 - 1.
    assert ties(parents, (1.0, 1.0), ancestor, 1.0).tolist() == [13.0, 7.5, 10.5, 12.5]
    # Half of each change, and then the same.
    assert ties(parents, (0.5, 0.5), ancestor, 0.5).tolist() == [11.5, 8.0, 10.0, 11.25]


def test_where_changes_cancel_the_ancestor_stays():
    ancestor = torch.tensor([5.0, 5.0])
    parents = tensors([6.0, 7.0], [4.0, 5.0])
    assert ties(parents, (1.0, 1.0), ancestor, 1.0).tolist() == [5.0, 7.0]


@pytest.mark.parametrize(("density", "kept"), [(1.0, 10), (0.5, 5), (0.3, 3), (0.01, 1)])
def test_the_largest_changes_are_kept(density: float, kept: int):
    change = torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0, 9.0, -10.0]).reshape(2, 5)
    left = trimmed(change, density).flatten()
    assert left.count_nonzero() == kept
    assert torch.equal(left[10 - kept :], change.flatten()[10 - kept :])


def numpy_ties(
    parents: list[np.ndarray], weights: list[float], ancestor: np.ndarray, density: float
) -> np.ndarray:
    """Algorithm 1 of arXiv:2306.01708, entry by entry."""
    vectors = []
    for parent, weight in zip(parents, weights, strict=True):
        vector = (np.float32(weight) * (parent - ancestor)).ravel()
        keep = max(1, round(density * vector.size))
        order = np.argsort(-np.abs(vector), kind="stable")
        vector[order[keep:]] = 0
        vectors.append(vector)
    merged = np.zeros(ancestor.size, np.float32)
    for place in range(ancestor.size):
        values = [vector[place] for vector in vectors]
        elected = np.sign(np.sum(values))
        agreeing = [value for value in values if value and np.sign(value) == elected]
        merged[place] = np.mean(agreeing) if agreeing else 0
    return ancestor + merged.reshape(ancestor.shape)


@pytest.mark.parametrize("density", [0.05, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 0.25, -1.0], [0.4, 0.0, 0.4]])
def test_ties_is_the_algorithm_of_the_paper(density: float, weights: list[float]):
    random = np.random.default_rng(7)
    ancestor, *parents = (random.normal(size=(13, 17)).astype(np.float32) for _ in range(4))
    found = ties([*map(torch.from_numpy, parents)], weights, torch.from_numpy(ancestor), density)
    expected = numpy_ties(parents, weights, ancestor, density)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
