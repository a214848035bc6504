"""Merge models weight by weight: one tensor of several models becomes one, in single precision.

Every operation is of one element or a selection, so that the bytes depend on no machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def average(parents: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the weighted mean, sum(w_i p_i) / sum(w_i).

    With equal weights it is the uniform soup of Wortsman et al. 2022, "Model soups: averaging
    weights of multiple fine-tuned models improves accuracy without increasing inference time",
    arXiv:2203.05482.

    Args:
        parents: the tensor of each model, float32, all of one shape.
        weights: how much each model counts, above 0.
    """
    return _sum(parents, weights) / sum(weights)


def task_arithmetic(
    parents: Sequence[Tensor], weights: Sequence[float], ancestor: Tensor
) -> Tensor:
    """Return the ancestor and the scaled changes of its descendants, a + sum(w_i (p_i - a)).

    Ilharco et al. 2023, "Editing models with task arithmetic", arXiv:2212.04089, who give all the
    same weight; a negative one takes away what a model has learnt.

    Args:
        parents: the tensor of each model, float32, all of one shape.
        weights: the scale of each change.
        ancestor: the tensor of the model from which the parents were trained.
    """
    return ancestor + _sum([parent - ancestor for parent in parents], weights)


def ties(
    parents: Sequence[Tensor], weights: Sequence[float], ancestor: Tensor, density: float
) -> Tensor:
    """Return the ancestor and the changes of its descendants that agree.

    Yadav et al. 2023, "TIES-Merging: resolving interference when merging models",
    arXiv:2306.01708: of each change t_i = w_i (p_i - a) the largest entries are kept (trim); each
    entry gets the sign of the sum of what is kept of it (elect); and the mean of those that are
    kept and have this sign is added to the ancestor (disjoint mean). Equal weights are the paper's
    lambda. As in the published merging toolkits a tensor is trimmed by itself, where the paper
    trims all weights of a model together. Where the changes cancel exactly, the ancestor stays.

    Args:
        parents: the tensor of each model, float32, all of one shape.
        weights: the scale of each change.
        ancestor: the tensor of the model from which the parents were trained.
        density: share of the entries of each change that is kept; entries as large as the smallest
            of them are kept too.
    """
    changes = [
        trimmed(weight * (parent - ancestor), density)
        for parent, weight in zip(parents, weights, strict=True)
    ]
    signs = _sum(changes, [1.0] * len(changes)).sign()
    agreeing = [(change.sign() == signs) & (change != 0) for change in changes]
    number = _sum([kept.float() for kept in agreeing], [1.0] * len(changes))
    total = _sum([change * kept for change, kept in zip(changes, agreeing, strict=True)],
                 [1.0] * len(changes))  # fmt: skip
    return ancestor + total / number.clamp(min=1)


def trimmed(change: Tensor, density: float) -> Tensor:
    """Return a change with all but its largest entries set to zero, at least one of them kept."""
    if not change.numel():
        return change
    sizes = change.abs().flatten()
    kept = max(1, round(density * len(sizes)))
    smallest = sizes.kthvalue(len(sizes) - kept + 1).values
    return change * (change.abs() >= smallest)


def _sum(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    # No `add(alpha=...)`: whether it rounds once or twice depends on the processor.
    total = weights[0] * tensors[0]
    for weight, tensor in zip(weights[1:], tensors[1:], strict=True):
        total += weight * tensor
    return total
