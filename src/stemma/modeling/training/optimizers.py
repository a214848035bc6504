"""Optimisers: AdamW, Adafactor, and Muon for the matrices of the blocks with AdamW for the rest.

Muon: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/. Unlike torch.optim.Muon this
one orthogonalises query, key and value each on its own and equal shapes of all layers in one
batched product, in three steps instead of five, and it carries AdamW's parameters too, so that
Trainer sees one optimiser.
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
    from stemma.modeling.training.settings import TrainSection

# Odd polynomials a x + b x^3 + c x^5, each the one that comes nearest to 1 on what the one before
# leaves of [0.01, 1] (Amsel et al. 2025, https://arxiv.org/abs/2505.16932); the last, [0.73, 1.27].
POLYNOMIALS = (
    (8.0934, -23.6204, 17.4462),
    (3.6366, -2.7219, 0.5365),
    (2.6613, -1.9772, 0.4526),
)
# The first of them rises steeply beyond 1, and rounding may make a norm exceed 1.
MARGIN = 1.01


def build_optimizer(
    model: nn.Module,
    section: TrainSection,
    dtype: torch.dtype,
    kind: type[MuonAdamW] | None = None,
) -> torch.optim.Optimizer:
    """Return the optimiser that ``train.optimizer`` names, over the parameters to be trained.

    Args:
        model: what is trained.
        section: the settings of training.
        dtype: of Muon's matrix products.
        kind: of Muon; None for the one whose weights are whole.
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
    return (kind or MuonAdamW)([*_groups(rest, section, **adam), *muon], dtype)


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
    # Blocks are numbered; embeddings and heads are outside of them, and T5's table of relative
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
        momentum, inputs_first = group["momentum"], group["inputs_first"]
        by_shape: dict[torch.Size, list[tuple[Tensor, ...]]] = {}
        for weight in weights:
            assert weight.grad is not None
            trio = (weight, weight.grad, self._average(weight, weight.grad, momentum))
            for matrices in zip(*(matrices_of(each, inputs_first) for each in trio), strict=True):
                by_shape.setdefault(matrices[0].shape, []).append(matrices)
        for shape, trios in by_shape.items():
            ahead = trios[0][0].new_empty(len(trios), *shape)
            for slot, (_, gradient, average) in zip(ahead, trios, strict=True):
                torch.lerp(gradient, average, momentum, out=slot)
            size, kept = step_of(group, shape)
            directions = orthogonalize(ahead, self._dtype)
            for (weight, *_), direction in zip(trios, directions, strict=True):
                decayed = weight if kept == 1 else weight.mul_(kept)
                decayed.add_(direction, alpha=-size)

    def _average(self, weight: nn.Parameter, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        return state["momentum_buffer"].lerp_(gradient, 1 - momentum)

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


def step_of(group: dict[str, Any], shape: torch.Size) -> tuple[float, float]:
    """Return how far Muon goes for a matrix of a shape, and by what factor the matrix decays."""
    inputs, outputs = shape if group["inputs_first"] else reversed(shape)
    # So that updates are of equal size whatever the shape of the matrix.
    size = group["lr"] * max(1, outputs / inputs) ** 0.5
    return size, 1 - group["lr"] * group["weight_decay"]


def orthogonalize(matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """Bring the singular values of each matrix close to 1, or closer if below 1/100 of the largest.

    Args:
        matrices: [n, rows, columns].
        dtype: of the matrix products and of the result.
    """
    x, tall = matrices.to(dtype), matrices.shape[1] > matrices.shape[2]
    gram = _gram(x, tall)
    bound = _norm(gram)
    gram = (gram / bound).to(dtype)
    square = torch.bmm(gram, gram)
    # The norm of a power of the Gram matrix bounds its largest value: the higher, the tighter.
    nearer = _norm(square).sqrt_().mul_(MARGIN)
    step = _polynomial(gram.div_(nearer), square.div_(nearer * nearer), POLYNOMIALS[0])
    x = (x / (bound * nearer).sqrt_()).to(dtype)
    short, long = sorted(x.shape[1:])
    if dtype == torch.float32 and 2 * long > 3 * short:
        return _apply(_whole_step(gram, step), x, tall)
    x = _apply(step, x, tall)
    for coefficients in POLYNOMIALS[1:]:
        gram = _gram(x, tall)
        x = _apply(_polynomial(gram, torch.bmm(gram, gram), coefficients), x, tall)
    return x


def _whole_step(gram: Tensor, step: Tensor) -> Tensor:
    """Return all steps as one factor, from the Gram matrix alone and the first step.

    It takes a quarter fewer operations if a matrix is far from square; bf16 is too inexact.
    """
    whole = step
    for coefficients in POLYNOMIALS[1:]:
        gram = torch.bmm(torch.bmm(step, gram), step)
        step = _polynomial(gram, torch.bmm(gram, gram), coefficients)
        whole = torch.bmm(step, whole)
    return whole


def _polynomial(gram: Tensor, square: Tensor, coefficients: tuple[float, float, float]) -> Tensor:
    a, b, c = coefficients
    value = square.mul_(c).add_(gram, alpha=b)
    value.diagonal(dim1=1, dim2=2).add_(a)
    return value


def _gram(x: Tensor, tall: bool) -> Tensor:
    turned = x.transpose(1, 2)
    return torch.bmm(turned, x) if tall else torch.bmm(x, turned)


def _apply(step: Tensor, x: Tensor, tall: bool) -> Tensor:
    return torch.bmm(x, step) if tall else torch.bmm(step, x)


def _norm(matrices: Tensor) -> Tensor:
    norms = torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True, dtype=torch.float32)
    return norms.clamp_min_(1e-30)


def matrices_of(weight: Tensor, inputs_first: bool) -> tuple[Tensor, ...]:
    """Return the matrices that a weight is made of, each orthogonalised on its own."""
    # GPT-2 keeps query, key and value side by side.
    rows, columns = weight.shape
    return weight.split(rows, dim=1) if inputs_first and columns == 3 * rows else (weight,)
