"""Causal attention, forward and backward, on heads that lie one after another."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_softmax_backward = torch.ops.aten._softmax_backward_data


def causal_mask(length: int, positions: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return what is added to the scores: 0 or minus infinity, [T, T] or [B, 1, T, T].

    Args:
        length: T.
        positions: of the tokens in their documents, int64 [B, T], or None: one document.
        dtype: of the scores.
    """
    mask = torch.full((length, length), -math.inf, dtype=dtype).triu_(1)
    if positions is None:
        return mask
    document = (positions == 0).cumsum(1)
    apart = document[:, None, :, None] != document[:, None, None, :]
    return mask.masked_fill(apart, -math.inf)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the attention weights [B * K, H / K * T, T] and the output [B, H, T, S].

    Args:
        query: [B, H, T, S], scaled already.
        key: [B, K, T, S]; each head serves H / K heads of queries, one after another.
        value: of the same shape as ``key``.
        mask: see ``causal_mask``.
    """
    keys, values = key.flatten(0, 1), value.flatten(0, 1)
    scores = torch.bmm(_grouped(query, key), keys.transpose(1, 2))
    scores.view(*query.shape[:3], -1).add_(mask)
    weights = torch.softmax(scores, -1, out=scores)
    return weights, torch.bmm(weights, values).view_as(query)


def attend_backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of query, key and value, given that of the output."""
    grads, queries = _grouped(grad, key), _grouped(query, key)
    keys, values = key.flatten(0, 1), value.flatten(0, 1)
    d_value = torch.bmm(weights.transpose(1, 2), grads)
    d_scores = torch.bmm(grads, values.transpose(1, 2))
    _softmax_backward(d_scores, weights, -1, weights.dtype, grad_input=d_scores)
    d_query = torch.bmm(d_scores, keys)
    d_key = torch.bmm(d_scores.transpose(1, 2), queries)
    return d_query.view_as(query), d_key.view_as(key), d_value.view_as(value)


def _grouped(query: Tensor, key: Tensor) -> Tensor:
    # All queries that share a head of keys become rows of one matrix: [B * K, H / K * T, S].
    return query.view(key.shape[0] * key.shape[1], -1, query.shape[-1])
