"""Muon over shards: a matrix is put together to be orthogonalised, and each process takes its part.

The average of the gradients stays in shards. Every process orthogonalises every matrix, one after
the other, so that no more than one is whole at a time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from stemma.modeling.training.optimizers import MuonAdamW, matrices_of, orthogonalize, step_of


class ShardedMuonAdamW(MuonAdamW):
    """`MuonAdamW` whose parameters are DTensors."""

    def _muon(self, group: dict[str, Any], weights: list[nn.Parameter]) -> None:
        for weight in weights:
            assert isinstance(weight, DTensor) and isinstance(weight.grad, DTensor)
            average = self._average(weight, weight.grad, group["momentum"])
            ahead = torch.lerp(weight.grad, average, group["momentum"])
            assert isinstance(ahead, DTensor)
            step = self._step(group, ahead.full_tensor())
            _, kept = step_of(group, weight.shape)
            if kept != 1:
                weight.mul_(kept)
            # Each process has made the same matrix: nothing is sent.
            mine = distribute_tensor(
                step, weight.device_mesh, weight.placements, src_data_rank=None
            )
            weight.add_(mine)

    def _step(self, group: dict[str, Any], ahead: Tensor) -> Tensor:
        """Return what is added to a weight, whole."""
        inputs_first = group["inputs_first"]
        steps = []
        for matrix in matrices_of(ahead, inputs_first):
            size, _ = step_of(group, matrix.shape)
            steps.append(orthogonalize(matrix[None], self._dtype)[0].to(ahead.dtype) * -size)
        return torch.cat(steps, dim=1)
