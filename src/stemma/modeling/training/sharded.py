"""A model in shards (FSDP2): each process holds a part of every weight, and of its optimiser state.

torch's own ``fully_shard``, since accelerate shards on GPUs alone. A block's weights are gathered
when it is computed and let go after it; gradients are summed into the shards.
https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import get_rank, get_world_size
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

_FOLDER = "shards"


def shard(model: nn.Module, device: str) -> None:
    """Shard a model over all processes, in place: a unit for each block, and one for the rest.

    Args:
        model: whole, and the same in every process.
        device: ``cpu`` or ``cuda``.
    """
    mesh = init_device_mesh(device, (get_world_size(),))
    for block in _blocks(model):
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def _blocks(model: nn.Module) -> list[nn.Module]:
    """Return the modules of the outermost lists: what a model repeats."""
    lists = [name for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    outer = [one for one in lists if not any(one.startswith(f"{other}.") for other in lists)]
    return [block for name in outer for block in model.get_submodule(name).children()]


def is_sharded(model: Any) -> bool:
    """Return whether all processes have to compute together what the model says."""
    return isinstance(model, FSDPModule)


def save(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write what this process holds into a checkpoint."""
    (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
    held = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(held, _file(folder))


def load_model(folder: Path, model: nn.Module) -> None:
    """Take this process's weights back from a checkpoint of as many processes."""
    model.load_state_dict(_read(folder)["model"])


def load_optimizer(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Take this process's state of the optimiser back from a checkpoint of as many processes."""
    optimizer.load_state_dict(_read(folder)["optimizer"])


def _file(folder: Path) -> Path:
    return folder / _FOLDER / f"{get_rank()}.pt"


def _read(folder: Path) -> dict[str, Any]:
    return torch.load(_file(folder), map_location="cpu", weights_only=True)


def whole(model: nn.Module) -> dict[str, Tensor]:
    """Return all weights, put together on the CPU of the first process; the others get none.

    Every process has to come here.
    """
    found = {}
    for name, part in model.state_dict().items():
        # One after the other, so that no GPU ever holds all of them.
        tensor = part.full_tensor() if isinstance(part, DTensor) else part
        if get_rank() == 0:
            found[name] = tensor.cpu()
    return found
