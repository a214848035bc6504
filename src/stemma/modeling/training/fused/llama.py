"""The loss of a Llama: RMS norms, rotary positions, grouped queries, a gated feed-forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from stemma.modeling.training.fused.attention import attend, attend_backward, causal_mask
from stemma.modeling.training.fused.head import HeadLoss

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_WEIGHTS_OF_A_LAYER = 9
_silu_backward = torch.ops.aten.silu_backward


def supports(model: LlamaForCausalLM) -> bool:
    """Return whether all of a Llama is trained, and it is built as Llama was published."""
    config = model.config
    rope: Any = config.rope_parameters
    weights = list(model.parameters())
    shared = 2 if config.tie_word_embeddings else 3
    return (
        config.hidden_act == "silu"
        and config.attention_dropout == 0
        and rope["rope_type"] == "default"
        and rope.get("partial_rotary_factor", 1) == 1
        # No biases, no adapters inside.
        and len(weights) == shared + _WEIGHTS_OF_A_LAYER * config.num_hidden_layers
        and all(weight.requires_grad for weight in weights)
    )


def loss(
    model: LlamaForCausalLM,
    ids: Tensor,
    labels: Tensor,
    dtype: torch.dtype,
    positions: Tensor | None,
) -> Tensor:
    """Return the mean cross-entropy in nats per token; the package's ``loss`` says of what."""
    config, net = model.config, model.model
    mask = causal_mask(ids.shape[1], positions, dtype)
    turn = _rotations(net.rotary_emb.inv_freq, ids.shape[1], positions)
    stream = functional.embedding(ids, net.embed_tokens.weight).flatten(0, 1)
    layers: Any = net.layers
    for layer in layers:
        attention, mlp = layer.self_attn, layer.mlp
        size = attention.head_dim
        # A gain on a product's inputs equals one on the columns of its weights, which are fewer.
        query, key = _paired(attention.q_proj.weight, size), _paired(attention.k_proj.weight, size)
        w_in = torch.cat((query, key, attention.v_proj.weight)) * layer.input_layernorm.weight
        w_up = torch.cat((mlp.gate_proj.weight, mlp.up_proj.weight))
        w_up = w_up * layer.post_attention_layernorm.weight
        weights = (w_in, attention.o_proj.weight, w_up, mlp.down_proj.weight)
        cast = [weight.to(dtype) for weight in weights]
        stream = _LlamaBlock.apply(
            stream, *cast, turn, mask, (*ids.shape, size), config.rms_norm_eps
        )
    normed = functional.rms_norm(
        stream, stream.shape[1:], net.norm.weight, net.norm.variance_epsilon
    )
    return HeadLoss.apply(normed.to(dtype), model.lm_head.weight.to(dtype), labels.reshape(-1))


class _LlamaBlock(torch.autograd.Function):
    """Attention and feed-forward with their residuals: fp32 [M, D] -> fp32 [M, D]."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        stream: Tensor,
        w_in: Tensor,
        w_out: Tensor,
        w_up: Tensor,
        w_down: Tensor,
        turn: Tensor,
        mask: Tensor,
        shape: tuple[int, int, int],
        epsilon: float,
    ) -> Tensor:
        attn_in, rstd1 = _norm(stream, epsilon, w_in.dtype)
        query, key, value = _split_heads(attn_in @ w_in.t(), turn, shape, w_out.shape[1])
        weights, heads = attend(query, key, value, mask)
        mixed = heads.transpose(1, 2).reshape(len(stream), -1)
        middle = stream + mixed @ w_out.t()
        mlp_in, rstd2 = _norm(middle, epsilon, w_up.dtype)
        gated = mlp_in @ w_up.t()
        gate, up = gated.chunk(2, 1)
        opened = functional.silu(gate)
        hidden = opened * up
        ctx.save_for_backward(
            *(attn_in, rstd1, query, key, value, weights, mixed, turn, w_in, w_out),
            *(mlp_in, rstd2, gate, up, opened, hidden, w_up, w_down),
        )
        return middle + hidden @ w_down.t()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        saved = ctx.saved_tensors
        grad, d_up, d_down = _feed_forward_backward(grad, *saved[10:])
        grad, d_in, d_out = _attention_backward(grad, *saved[:10])
        return grad, d_in, d_out, d_up, d_down, None, None, None, None


def _feed_forward_backward(
    grad: Tensor,
    mlp_in: Tensor,
    rstd: Tensor,
    gate: Tensor,
    up: Tensor,
    opened: Tensor,
    hidden: Tensor,
    w_up: Tensor,
    w_down: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    out = grad.to(w_up.dtype)
    d_hidden = out @ w_down
    d_gated = d_hidden.new_empty(len(grad), len(w_up))
    d_gate, d_up = d_gated.chunk(2, 1)
    torch.mul(d_hidden, opened, out=d_up)
    _silu_backward(d_hidden.mul_(up), gate, grad_input=d_gate)
    d_stream = _through_norm(grad, d_gated @ w_up, mlp_in, rstd)
    return d_stream, d_gated.t() @ mlp_in, out.t() @ hidden


def _attention_backward(
    grad: Tensor,
    attn_in: Tensor,
    rstd: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: Tensor,
    mixed: Tensor,
    turn: Tensor,
    w_in: Tensor,
    w_out: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    batch, heads, length, size = query.shape
    out = grad.to(w_out.dtype)
    d_heads = (out @ w_out).view(batch, length, heads, size).transpose(1, 2).contiguous()
    d_query, d_key, d_value = attend_backward(d_heads, query, key, value, weights)
    joined = _join_heads(d_query, d_key, d_value, turn)
    d_stream = _through_norm(grad, joined @ w_in, attn_in, rstd)
    return d_stream, joined.t() @ attn_in, out.t() @ mixed


def _norm(stream: Tensor, epsilon: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    squares = torch.linalg.vector_norm(stream, dim=1, keepdim=True).square_()
    rstd = squares.div_(stream.shape[1]).add_(epsilon).rsqrt_()
    return (stream * rstd).to(dtype), rstd


def _through_norm(grad: Tensor, d_normed: Tensor, normed: Tensor, rstd: Tensor) -> Tensor:
    # Adds the gradient that bypassed the norm.
    d_normed = d_normed.float()
    along = (d_normed * normed).mean(1, keepdim=True)
    return torch.addcmul(grad, d_normed.addcmul_(normed, along, value=-1), rstd)


def _rotations(frequencies: Tensor, length: int, positions: Tensor | None) -> Tensor:
    """Return the factors of the numbers of a head, complex [1 or B, 1, T, S / 2]."""
    if positions is None:
        positions = torch.arange(length)[None]
    angles = positions[:, None, :, None] * frequencies
    return torch.complex(angles.cos(), angles.sin())


def _paired(weight: Tensor, size: int) -> Tensor:
    # A rotation turns numbers i and i + S / 2 of a head: side by side they make a complex number.
    # Queries and keys are reordered alike, so their products stay the same.
    return weight.view(-1, 2, size // 2, weight.shape[1]).transpose(1, 2).reshape_as(weight)


def _split_heads(
    joined: Tensor, turn: Tensor, shape: tuple[int, int, int], width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return rotated queries and keys, and values: [B, H, T, S], [B, K, T, S], [B, K, T, S]."""
    size = shape[2]
    heads = width // size
    apart = joined.view(*shape[:2], -1, size).transpose(1, 2)
    others = (apart.shape[1] - heads) // 2
    query, key, value = apart.split((heads, others, others), 1)
    return _rotated(query, turn * size**-0.5), _rotated(key, turn), value.contiguous()


def _join_heads(d_query: Tensor, d_key: Tensor, d_value: Tensor, turn: Tensor) -> Tensor:
    """Return the gradient of the input of ``_split_heads``, [M, (H + 2 K) * S]."""
    (batch, heads, length, size), others = d_query.shape, d_key.shape[1]
    joined = torch.empty(batch, length, heads + 2 * others, size)
    query, key, value = joined.transpose(1, 2).split((heads, others, others), 1)
    back = turn.conj_physical()
    torch.mul(_complex(d_query), back * size**-0.5, out=_complex(query))
    torch.mul(_complex(d_key), back, out=_complex(key))
    value.copy_(d_value)
    return joined.view(batch * length, -1).to(d_value.dtype)


def _rotated(heads: Tensor, turn: Tensor) -> Tensor:
    rotated = torch.empty(heads.shape)
    torch.mul(_complex(heads), turn, out=_complex(rotated))
    return rotated.to(heads.dtype)


def _complex(heads: Tensor) -> Tensor:
    return torch.view_as_complex(heads.float().unflatten(-1, (-1, 2)))
