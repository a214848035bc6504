"""Weights in 8 bits: symmetric, one scale for each output of a matrix (weight-only).

``*.int8.safetensors`` holds each matrix as integers from -127 to 127 under its name, and their
factors under that name and ``_scale``, in a shape that broadcasts; all else is unchanged.
Arithmetic uses the restored weights, so the format saves memory, not time.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from stemma.errors import ModelError
from stemma.modeling.export.formats.matrices import embeddings, layers
from stemma.modeling.weights import shards
from stemma.modeling.weights.load import load_saved

_SUFFIX, _SCALE, _LARGEST = ".int8.safetensors", "_scale", 127


def write(exported: Path, folder: Path) -> dict[str, float]:
    """Write the weights of the model in ``exported`` into ``folder``, in 8 bits.

    Args:
        exported: what ``from_pretrained`` loads.
        folder: an existing folder.
    """
    model = load_saved(exported)
    axes = {**layers(model), **embeddings(model)}
    for file in sorted(set(shards.locate(exported).values())):
        tensors = dict[str, Tensor]()
        for name, tensor in load_file(file).items():
            tensors |= _quantised(name, tensor, axes[name]) if name in axes else {name: tensor}
        # Not under the usual name: from_pretrained would take the integers for weights.
        save_file(tensors, folder / f"{file.stem}{_SUFFIX}", {"format": "pt"})
    return {}


def load(folder: Path) -> Any:
    """Return the transformers model whose weights ``folder`` holds in 8 bits, in float32.

    Raises:
        ModelError: a file is missing or torn.
    """
    weights = dict[str, Tensor]()
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            tensors = load_file(file)
        except SafetensorError as error:
            raise ModelError(f"{file} is torn: {error}", "type `dvc checkout`") from error
        weights |= _restored(tensors)
    if not weights:
        raise ModelError(f"{folder} holds no *{_SUFFIX}", "export it with export.formats=[int8]")
    with tempfile.TemporaryDirectory() as temporary:
        plain = Path(temporary)
        for path in folder.iterdir():
            if path.is_file() and not path.name.endswith(_SUFFIX):
                shutil.copyfile(path, plain / path.name)
        save_file(weights, plain / shards.SINGLE, {"format": "pt"})
        return load_saved(plain)


def _quantised(name: str, weight: Tensor, axis: int) -> dict[str, Tensor]:
    weight = weight.float()
    scale = weight.abs().amax(1 - axis, keepdim=True) / _LARGEST
    # Where all weights of an output are zero, any scale but zero is right.
    numbers = torch.round(weight / torch.where(scale > 0, scale, 1))
    return {name: numbers.to(torch.int8), f"{name}{_SCALE}": scale}


def _restored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    scales = {f"{name}{_SCALE}" for name in tensors} & tensors.keys()
    return {
        name: tensor * tensors[f"{name}{_SCALE}"] if f"{name}{_SCALE}" in scales else tensor
        for name, tensor in tensors.items()
        if name not in scales
    }
