"""The loss of a bias-free GPT-2 on a CPU, forward and backward by hand.

transformers' own forward spends most of a small model's step outside matrix products: casts of
the weights at every use, a flash attention whose backward is slow on short sequences, fp32 logits
of the whole batch. Here the residual stream and layer norms are fp32, the matrix products run in
the declared precision on weights cast once, attention is a plain softmax, and the head works in
chunks that stay in the cache. The model is an ordinary GPT2LMHeadModel; a test compares the two.

Shapes: B sequences, T tokens, H heads, D width, V vocabulary, M = B * T.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

EPSILON = 1e-5
CHUNK = 256  # rows of logits at a time: 256 x 2048 in fp32 are the 2 MB of one core's cache
_layer_norm_backward = torch.ops.aten.native_layer_norm_backward
_softmax_backward = torch.ops.aten._softmax_backward_data


def supports(model: Any, device: str) -> bool:
    """Return whether this is what the model computes: bias-free GPT-2 with relu2, on a CPU."""
    config = getattr(model, "config", None)  # a wrapper's is inside
    # An adapter lies around the layers, whose weights alone are read here.
    if config is None or type(model).__name__ != "GPT2LMHeadModel":
        return False
    frozen = all(
        not parameter.requires_grad
        for name, parameter in model.named_parameters()
        if name.endswith("bias") or ".ln_" in name
    )
    return (
        device == "cpu"
        and config.model_type == "gpt2"
        and config.activation_function == "relu2"
        and config.attn_pdrop == 0
        and config.layer_norm_epsilon == EPSILON
        and not model.is_activation_checkpointing
        and frozen
    )


def loss(
    model: GPT2LMHeadModel,
    ids: Tensor,
    labels: Tensor,
    dtype: torch.dtype,
    positions: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy in nats per token.

    Args:
        model: one that ``supports`` accepts; in training mode its ``resid_pdrop`` applies.
        ids: tokens, int64 [B, T].
        labels: the tokens that follow them, int64 [B, T].
        dtype: of the matrix products.
        positions: of the tokens in their documents, int64 [B, T]; where they start from 0 again,
            attention does not reach across. None: the sequence is one document.
    """
    net, (batch, length) = model.transformer, ids.shape
    width, heads = model.config.n_embd, model.config.n_head
    dropout = model.config.resid_pdrop if model.training else 0.0
    mask = torch.full((length, length), -math.inf, dtype=dtype).triu_(1)
    if positions is None:
        stream = net.wte(ids) + net.wpe.weight[:length]
    else:
        stream = net.wte(ids) + net.wpe(positions)
        document = (positions == 0).cumsum(1)
        apart = document[:, :, None] != document[:, None, :]
        mask = mask.masked_fill(apart, -math.inf).repeat_interleave(heads, 0)
    stream = stream.view(batch * length, width)
    if dropout:
        stream = stream * _dropout_mask(stream, dropout)
    blocks: Any = net.h
    for block in blocks:
        weights = (
            block.attn.c_attn.weight,
            block.attn.c_proj.weight,
            block.mlp.c_fc.weight,
            block.mlp.c_proj.weight,
        )
        cast = [weight.to(dtype) for weight in weights]
        stream = _Block.apply(stream, *cast, mask, (batch, length, heads), dropout)
    normed = functional.layer_norm(stream, (width,), eps=EPSILON).to(dtype)
    return _HeadLoss.apply(normed, model.lm_head.weight.to(dtype), labels.reshape(-1))


class _Block(torch.autograd.Function):
    """Attention and feed-forward with their residuals: fp32 [M, D] -> fp32 [M, D]."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        stream: Tensor,
        w_qkv: Tensor,
        w_out: Tensor,
        w_up: Tensor,
        w_down: Tensor,
        mask: Tensor,
        shape: tuple[int, int, int],
        dropout: float,
    ) -> Tensor:
        width = stream.shape[1]
        normed, mean1, rstd1 = torch.native_layer_norm(stream, (width,), None, None, EPSILON)
        attn_in = normed.to(w_qkv.dtype)
        qkv = _split_heads(attn_in @ w_qkv, shape)
        query, key, value = qkv
        scale = key.shape[-1] ** -0.5
        scores = torch.add(mask, torch.bmm(query, key.transpose(1, 2)), alpha=scale)
        weights = torch.softmax(scores, -1)
        mixed = _join_heads(torch.bmm(weights, value), shape)
        attn_out = mixed @ w_out
        drop1 = _dropout_mask(attn_out, dropout) if dropout else None
        middle = stream + (attn_out if drop1 is None else attn_out.mul_(drop1))
        normed, mean2, rstd2 = torch.native_layer_norm(middle, (width,), None, None, EPSILON)
        mlp_in = normed.to(w_up.dtype)
        hidden = (mlp_in @ w_up).clamp_min_(0)
        squared = hidden * hidden
        mlp_out = squared @ w_down
        drop2 = _dropout_mask(mlp_out, dropout) if dropout else None
        ctx.shape = shape
        ctx.save_for_backward(
            *(stream, mean1, rstd1, attn_in, query, key, value, weights, mixed, drop1),
            *(middle, mean2, rstd2, mlp_in, hidden, squared, drop2, w_qkv, w_out, w_up, w_down),
        )
        return middle + (mlp_out if drop2 is None else mlp_out.mul_(drop2))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        saved = ctx.saved_tensors
        grad, d_up, d_down = _feed_forward_backward(grad, *saved[10:17], *saved[19:])
        grad, d_qkv, d_out = _attention_backward(grad, ctx.shape, *saved[:10], *saved[17:19])
        return grad, d_qkv, d_out, d_up, d_down, None, None, None


def _feed_forward_backward(
    grad: Tensor,
    middle: Tensor,
    mean: Tensor,
    rstd: Tensor,
    mlp_in: Tensor,
    hidden: Tensor,
    squared: Tensor,
    drop: Tensor | None,
    w_up: Tensor,
    w_down: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    out = grad.to(w_up.dtype)
    if drop is not None:
        out = out.mul(drop)
    d_down = squared.t() @ out
    # d(h * h) = 2 h dh; the factor goes to the weights' side, which is the smaller.
    d_hidden = (out @ w_down.t()).mul_(hidden)
    d_up = (mlp_in.t() @ d_hidden).mul_(2)
    d_in = d_hidden @ (w_up.t() * 2)
    return _through_norm(d_in, middle, mean, rstd).add_(grad), d_up, d_down


def _attention_backward(
    grad: Tensor,
    shape: tuple[int, int, int],
    stream: Tensor,
    mean: Tensor,
    rstd: Tensor,
    attn_in: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: Tensor,
    mixed: Tensor,
    drop: Tensor | None,
    w_qkv: Tensor,
    w_out: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    out = grad.to(w_out.dtype)
    if drop is not None:
        out = out.mul(drop)
    d_out = mixed.t() @ out
    batch, length, heads = shape
    d_mixed = (out @ w_out.t()).view(batch, length, heads, -1).transpose(1, 2)
    d_mixed = d_mixed.reshape(batch * heads, length, -1)
    d_weights = torch.bmm(d_mixed, value.transpose(1, 2))
    d_scores = _softmax_backward(d_weights, weights, -1, weights.dtype)
    d_heads = torch.empty(3, *value.shape, dtype=value.dtype)
    torch.bmm(d_scores, key, out=d_heads[0])
    torch.bmm(d_scores.transpose(1, 2), query, out=d_heads[1])
    d_heads[:2].mul_(key.shape[-1] ** -0.5)
    torch.bmm(weights.transpose(1, 2), d_mixed, out=d_heads[2])
    joined = d_heads.view(3, batch, heads, length, -1).permute(1, 3, 0, 2, 4)
    joined = joined.reshape(batch * length, -1)
    d_in = joined @ w_qkv.t()
    return _through_norm(d_in, stream, mean, rstd).add_(grad), attn_in.t() @ joined, d_out


def _through_norm(grad: Tensor, stream: Tensor, mean: Tensor, rstd: Tensor) -> Tensor:
    wanted = [True, False, False]
    shape = stream.shape[1:]
    return _layer_norm_backward(grad.float(), stream, shape, mean, rstd, None, None, wanted)[0]


def _split_heads(joined: Tensor, shape: tuple[int, int, int]) -> Tensor:
    batch, length, heads = shape
    split = joined.view(batch, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
    return split.reshape(3, batch * heads, length, -1)


def _join_heads(split: Tensor, shape: tuple[int, int, int]) -> Tensor:
    batch, length, heads = shape
    return split.view(batch, heads, length, -1).transpose(1, 2).reshape(batch * length, -1)


def _dropout_mask(like: Tensor, share: float) -> Tensor:
    # Eight random bits an element, since drawing them is what dropout costs on a CPU. They come
    # from the default generator, whose state is part of a checkpoint.
    words = torch.empty((like.numel() + 7) // 8, dtype=torch.int64)
    bits = words.random_(-(2**63), None).view(torch.uint8)[: like.numel()]
    threshold = round(share * 256)
    return (bits >= threshold).to(like.dtype).mul_(256 / (256 - threshold)).view(like.shape)


class _HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of normed [M, D] @ weight.T; its gradients are made on the way forward."""

    @staticmethod
    def forward(ctx: Any, normed: Tensor, weight: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        d_normed = torch.empty_like(normed)
        d_weight = torch.zeros(weight.shape, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float64)
        for start in range(0, len(normed), CHUNK):
            rows, wanted = normed[start : start + CHUNK], labels[start : start + CHUNK, None]
            logits = (rows @ weight.t()).float()
            normalizer = torch.logsumexp(logits, -1, keepdim=True)
            total += (normalizer - logits.gather(1, wanted)).sum()
            ones = torch.ones_like(wanted, dtype=logits.dtype)
            error = logits.sub_(normalizer).exp_().scatter_add_(1, wanted, -ones).to(weight.dtype)
            torch.mm(error, weight, out=d_normed[start : start + CHUNK])
            d_weight += error.t() @ rows
        ctx.save_for_backward(d_normed, d_weight)
        return (total / len(normed)).float()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        d_normed, d_weight = ctx.saved_tensors
        share = grad / len(d_normed)
        return d_normed * share.to(d_normed.dtype), (d_weight * share).to(d_normed.dtype), None
