"""The loss of some small decoders on a CPU, with a forward and a backward pass written by hand.

transformers' own forward spends much of a small model's step outside matrix products: casts of the
weights at every use, a flash attention whose backward is slow on short sequences, fp32 logits of
the whole batch. Here the residual stream and the norms are fp32, the matrix products run in the
declared precision on weights cast once, attention is a plain softmax, and the head works in chunks
that stay in the cache. The models are transformers' own; a test compares the two.

Shapes: B sequences, T tokens, H heads of S numbers, K heads of keys and values, D width, V
vocabulary, F width of a gated feed-forward, M = B * T.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stemma.modeling.training.fused import gpt2, llama

# The exact type: an adapter or a wrapper has layers of its own, which would not be read here.
_MODULES: dict[str, Any] = {"GPT2LMHeadModel": gpt2, "LlamaForCausalLM": llama}


def supports(model: Any, device: str) -> bool:
    """Return whether ``loss`` computes what the model does: some GPT-2 and Llamas on a CPU."""
    module = _MODULES.get(type(model).__name__)
    return (
        device == "cpu"
        and module is not None
        and not model.is_activation_checkpointing
        and all(weight.dtype == torch.float32 for weight in model.parameters())
        and module.supports(model)
    )


def loss(
    model: Any,
    ids: Tensor,
    labels: Tensor,
    dtype: torch.dtype,
    positions: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy in nats per token.

    Args:
        model: one that ``supports`` accepts; in training mode its dropout applies.
        ids: tokens, int64 [B, T].
        labels: the tokens that follow them, int64 [B, T].
        dtype: of the matrix products.
        positions: of the tokens in their documents, int64 [B, T]; where they start from 0 again,
            attention does not reach across. None: the sequence is one document.
    """
    return _MODULES[type(model).__name__].loss(model, ids, labels, dtype, positions)
