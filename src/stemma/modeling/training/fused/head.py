"""The head and its cross-entropy, in chunks whose logits stay in the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 512  # rows of logits at a time: 512 x 2048 in fp32 are 4 MB, which caches hold


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of normed [M, D] @ weight.T; the forward pass computes the gradients."""

    @staticmethod
    def forward(ctx: Any, normed: Tensor, weight: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """Return nats per token, fp32; ``labels`` are int64 [M]."""
        d_normed = torch.empty_like(normed)
        d_weight = torch.zeros(weight.shape, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float64)
        for start in range(0, len(normed), CHUNK):
            rows, wanted = normed[start : start + CHUNK], labels[start : start + CHUNK, None]
            logits = (rows @ weight.t()).float()
            best, asked = logits.amax(1, keepdim=True), logits.gather(1, wanted)
            shares = torch.softmax(logits, 1, out=logits)
            # The likeliest token's share is never too small for a logarithm; the label's may be.
            total += (best - shares.amax(1, keepdim=True).log_() - asked).sum()
            error = shares.scatter_add_(1, wanted, torch.full_like(asked, -1)).to(weight.dtype)
            torch.mm(error, weight, out=d_normed[start : start + CHUNK])
            d_weight += error.t() @ rows
        ctx.save_for_backward(d_normed, d_weight)
        return (total / len(normed)).float()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        """Return the gradients of ``normed`` and ``weight``."""
        d_normed, d_weight = ctx.saved_tensors
        share = grad / len(d_normed)
        return d_normed * share.to(d_normed.dtype), (d_weight * share).to(d_normed.dtype), None
