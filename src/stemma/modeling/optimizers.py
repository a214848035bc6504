"""Optimisers: AdamW, Adafactor, and Muon for the matrices of the blocks with AdamW for the rest.

Muon: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/. Unlike torch.optim.Muon this
one orthogonalises query, key and value each on its own and equal shapes of all layers in one
batched product, and it carries AdamW's parameters too, so that Trainer sees one optimiser.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from transformers.optimization import Adafactor
from transformers.pytorch_utils import Conv1D

if TYPE_CHECKING:
    from stemma.modeling.training import TrainSection

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def build_optimizer(
    model: nn.Module, section: TrainSection, dtype: torch.dtype
) -> torch.optim.Optimizer:
    """Return the optimiser that ``train.optimizer`` names, over the parameters to be trained.

    Args:
        model: what is trained.
        section: the settings of training.
        dtype: of Muon's matrix products.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    adam = {"betas": section.adam_betas, "eps": 1e-8}
    if section.optimizer == "adamw":
        return torch.optim.AdamW(_groups(weights, section, **adam), fused=True)
    if section.optimizer == "adafactor":
        groups = _groups(weights, section)
        return Adafactor(groups, scale_parameter=False, relative_step=False)
    muon = list(_muon_groups(model, section))
    hidden = {weight for group in muon for weight in group["params"]}
    rest = [weight for weight in weights if weight not in hidden]
    # Trainer logs the learning rate of the first group, which may be empty.
    return MuonAdamW([*_groups(rest, section, **adam), *muon], dtype)


def _groups(
    weights: list[nn.Parameter], section: TrainSection, **shared: Any
) -> list[dict[str, Any]]:
    shared["lr"] = section.learning_rate
    decayed = [weight for weight in weights if weight.ndim >= 2]
    plain = [weight for weight in weights if weight.ndim < 2]
    return [
        {"params": decayed, "weight_decay": section.weight_decay, **shared},
        {"params": plain, "weight_decay": 0.0, **shared},
    ]


def _muon_groups(model: nn.Module, section: TrainSection) -> Iterator[dict[str, Any]]:
    # Blocks are numbered; embeddings and heads stand outside of them, T5's table of relative
    # positions is no linear layer.
    blocks = [
        module
        for name, module in model.named_modules()
        if any(part.isdigit() for part in name.split("."))
    ]
    for kind, inputs_first in ((Conv1D, True), (nn.Linear, False)):
        weights = [module.weight for module in blocks if isinstance(module, kind)]
        hidden = [weight for weight in weights if weight.requires_grad]
        if hidden:
            yield {
                "params": hidden,
                "inputs_first": inputs_first,
                "lr": section.muon_learning_rate,
                "momentum": section.momentum,
                "weight_decay": section.muon_weight_decay,
            }


class MuonAdamW(torch.optim.Optimizer):
    """Muon for the groups that have a ``momentum``, fused AdamW for the others.

    Args:
        groups: parameter groups; ``lr`` and ``weight_decay`` in all, ``momentum`` or ``betas`` and
            ``eps``. With ``momentum`` stands ``inputs_first``: whether matrices have the shape
            [in, out], as those of transformers' Conv1D, or [out, in].
        dtype: of Muon's matrix products; bf16 is enough where the processor has it.
    """

    def __init__(self, groups: list[dict[str, Any]], dtype: torch.dtype) -> None:
        super().__init__(groups, {})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                (self._muon if "momentum" in group else self._adamw)(group, weights)

    def _muon(self, group: dict[str, Any], weights: list[nn.Parameter]) -> None:
        by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for weight in weights:
            update = self._nesterov(weight, group["momentum"])
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            for part, direction in _parts(weight, update, group["inputs_first"]):
                shape = (min(part.shape), max(part.shape))
                by_shape.setdefault(shape, []).append((part, direction))
        for pairs in by_shape.values():
            wide = [u.t() if u.shape[0] > u.shape[1] else u for _, u in pairs]
            directions = orthogonalize(torch.stack(wide), self._dtype)
            for (part, _), direction in zip(pairs, directions, strict=True):
                turned = direction.t() if part.shape[0] > part.shape[1] else direction
                # Updates of equal size whatever the shape of the matrix.
                scale = max(1, part.shape[1] / part.shape[0]) ** 0.5
                part.add_(turned, alpha=-group["lr"] * scale)

    def _nesterov(self, weight: nn.Parameter, momentum: float) -> Tensor:
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        average = state["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
        return torch.lerp(weight.grad, average, momentum)

    def _adamw(self, group: dict[str, Any], weights: list[nn.Parameter]) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["step"] = torch.tensor(0.0)
                self.state[weight]["exp_avg"] = torch.zeros_like(weight)
                self.state[weight]["exp_avg_sq"] = torch.zeros_like(weight)
        states = [self.state[weight] for weight in weights]
        adamw(
            list(weights),
            [weight.grad for weight in weights if weight.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


def orthogonalize(matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """Bring the singular values of each matrix near one, by Newton-Schulz iteration.

    Args:
        matrices: [n, rows, columns], rows <= columns.
        dtype: of the matrix products and of the result.
    """
    a, b, c = COEFFICIENTS
    norms = matrices.flatten(1).norm(dim=1).clamp_min(1e-7)
    x = (matrices / norms[:, None, None]).to(dtype)
    for _ in range(ITERATIONS):
        gram = torch.bmm(x, x.transpose(1, 2))
        gram = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, gram, x, beta=a)
    return x


def _parts(weight: Tensor, update: Tensor, inputs_first: bool) -> list[tuple[Tensor, Tensor]]:
    # As [in, out]. GPT-2 keeps query, key and value side by side; each is a matrix of its own.
    if not inputs_first:
        return [(weight.t(), update.t())]
    rows, columns = weight.shape
    if columns != 3 * rows:
        return [(weight, update)]
    return list(zip(weight.split(rows, dim=1), update.split(rows, dim=1), strict=True))
