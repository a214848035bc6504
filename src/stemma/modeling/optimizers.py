"""Optimisers: AdamW, and Muon for the matrices inside the network with AdamW for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from stemma.modeling.training import TrainSection


def build_optimizer(model: nn.Module, section: TrainSection) -> torch.optim.Optimizer:
    """Return the optimiser that ``train.optimizer`` names."""
    if section.optimizer == "adamw":
        return _adamw(list(model.named_parameters()), section)
    hidden, rest = [], []
    for name, parameter in model.named_parameters():
        is_hidden = parameter.ndim == 2 and ".h." in f".{name}"
        (hidden if is_hidden else rest).append((name, parameter))
    muon = torch.optim.Muon(
        [parameter for _, parameter in hidden],
        lr=section.muon_learning_rate,
        momentum=section.momentum,
        weight_decay=section.weight_decay,
    )
    return Combined([muon, _adamw(rest, section)])


class Combined(torch.optim.Optimizer):
    """Several optimisers, each with parameters of its own, that Trainer sees as one.

    Args:
        parts: the optimisers; their parameter groups and states become this one's.
    """

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts
        groups = [group for part in parts for group in part.param_groups]
        super().__init__(groups, {})
        self._share_groups()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Let every part take its step."""
        for part in self.parts:
            part.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """Return the parts' states, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the parts' states."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()

    def _share_groups(self) -> None:
        # The scheduler writes learning rates into the groups: they must be the parts' own.
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def _adamw(parameters: list[tuple[str, nn.Parameter]], section: TrainSection) -> torch.optim.AdamW:
    decayed = [parameter for _, parameter in parameters if parameter.ndim >= 2]
    plain = [parameter for _, parameter in parameters if parameter.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": section.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=section.learning_rate,
        betas=section.adam_betas,
        fused=True,
    )
