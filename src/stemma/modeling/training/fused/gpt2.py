"""The loss of a bias-free GPT-2 with squared ReLU: layer norms without gains, learned positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from stemma.modeling.training.fused.attention import attend, attend_backward, causal_mask
from stemma.modeling.training.fused.head import HeadLoss

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

EPSILON = 1e-5
_layer_norm_backward = torch.ops.aten.native_layer_norm_backward


def supports(model: GPT2LMHeadModel) -> bool:
    """Return whether biases and gains of a GPT-2 are not trained, and its activation is relu2."""
    config = model.config
    return (
        config.activation_function == "relu2"
        and config.attn_pdrop == 0
        and config.layer_norm_epsilon == EPSILON
        and all(
            weight.requires_grad != (name.endswith("bias") or ".ln_" in name)
            for name, weight in model.named_parameters()
        )
    )


def loss(
    model: GPT2LMHeadModel,
    ids: Tensor,
    labels: Tensor,
    dtype: torch.dtype,
    positions: Tensor | None,
) -> Tensor:
    """Return the mean cross-entropy in nats per token; the package's ``loss`` says of what."""
    net, (batch, length) = model.transformer, ids.shape
    width, heads = model.config.n_embd, model.config.n_head
    dropout = model.config.resid_pdrop if model.training else 0.0
    mask = causal_mask(length, positions, dtype)
    if positions is None:
        stream = net.wte(ids) + net.wpe.weight[:length]
    else:
        stream = net.wte(ids) + net.wpe(positions)
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
        stream = _Gpt2Block.apply(stream, *cast, mask, (batch, length, heads), dropout)
    normed = functional.layer_norm(stream, (width,), eps=EPSILON).to(dtype)
    return HeadLoss.apply(normed, model.lm_head.weight.to(dtype), labels.reshape(-1))


class _Gpt2Block(torch.autograd.Function):
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
        query, key, value = _split_heads(attn_in @ w_qkv, shape)
        query.mul_(query.shape[-1] ** -0.5)
        weights, heads = attend(query, key, value, mask)
        mixed = heads.transpose(1, 2).reshape(len(stream), width)
        attn_out = mixed @ w_out
        drop1 = _dropout_mask(attn_out, dropout) if dropout else None
        middle = stream + (attn_out if drop1 is None else attn_out.mul_(drop1))
        normed, mean2, rstd2 = torch.native_layer_norm(middle, (width,), None, None, EPSILON)
        mlp_in = normed.to(w_up.dtype)
        hidden = (mlp_in @ w_up).clamp_min_(0)
        squared = hidden * hidden
        mlp_out = squared @ w_down
        drop2 = _dropout_mask(mlp_out, dropout) if dropout else None
        ctx.save_for_backward(
            *(stream, mean1, rstd1, attn_in, query, key, value, weights, mixed, drop1),
            *(middle, mean2, rstd2, mlp_in, hidden, squared, drop2, w_qkv, w_out, w_up, w_down),
        )
        return middle + (mlp_out if drop2 is None else mlp_out.mul_(drop2))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        saved = ctx.saved_tensors
        grad, d_up, d_down = _feed_forward_backward(grad, *saved[10:17], *saved[19:])
        grad, d_qkv, d_out = _attention_backward(grad, *saved[:10], *saved[17:19])
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
    batch, heads, length, size = query.shape
    d_mixed = (out @ w_out.t()).view(batch, length, heads, size).transpose(1, 2).contiguous()
    d_query, d_key, d_value = attend_backward(d_mixed, query, key, value, weights)
    joined = out.new_empty(batch, length, 3, heads, size)
    d_heads = joined.permute(2, 0, 3, 1, 4)
    torch.mul(d_query, size**-0.5, out=d_heads[0])
    d_heads[1].copy_(d_key)
    d_heads[2].copy_(d_value)
    joined = joined.view(batch * length, -1)
    d_in = joined @ w_qkv.t()
    return _through_norm(d_in, stream, mean, rstd).add_(grad), attn_in.t() @ joined, d_out


def _through_norm(grad: Tensor, stream: Tensor, mean: Tensor, rstd: Tensor) -> Tensor:
    wanted = [True, False, False]
    shape = stream.shape[1:]
    return _layer_norm_backward(grad.float(), stream, shape, mean, rstd, None, None, wanted)[0]


def _split_heads(joined: Tensor, shape: tuple[int, int, int]) -> Tensor:
    batch, length, heads = shape
    return joined.view(batch, length, 3, heads, -1).permute(2, 0, 3, 1, 4).contiguous()


def _dropout_mask(like: Tensor, share: float) -> Tensor:
    # Eight random bits per element, since drawing them is what dropout costs on a CPU. They come
    # from the default generator, whose state is part of a checkpoint.
    words = torch.empty((like.numel() + 7) // 8, dtype=torch.int64)
    bits = words.random_(-(2**63), None).view(torch.uint8)[: like.numel()]
    threshold = round(share * 256)
    return (bits >= threshold).to(like.dtype).mul_(256 / (256 - threshold)).view(like.shape)
