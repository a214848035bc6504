"""Magnitude pruning: in every linear layer the weights nearest to zero become zero.

Embeddings stay whole. The files are as large as before: the gain is what sparse arithmetic or
compression makes of the zeros.
"""

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from stemma.modeling.export.formats.matrices import layers
from stemma.modeling.weights import shards
from stemma.modeling.weights.load import load_saved


def write(exported: Path, folder: Path, share: float) -> dict[str, float]:
    """Write the weights of the model in ``exported`` into ``folder``, pruned.

    Args:
        exported: what ``from_pretrained`` loads.
        folder: an existing folder.
        share: of the weights of each layer that become zero.

    Returns:
        ``sparsity``, the share of zeros among all weights.
    """
    chosen = layers(load_saved(exported))
    zeros = weights = 0
    for file in sorted(set(shards.locate(exported).values())):
        tensors = {
            name: _pruned(tensor, share) if name in chosen else tensor
            for name, tensor in load_file(file).items()
        }
        save_file(tensors, folder / file.name, {"format": "pt"})
        zeros += sum(int((tensor == 0).sum()) for tensor in tensors.values())
        weights += sum(tensor.numel() for tensor in tensors.values())
    if (exported / shards.INDEX).exists():
        shutil.copyfile(exported / shards.INDEX, folder / shards.INDEX)
    return {"sparsity": round(zeros / weights, 4)}


def _pruned(weight: Tensor, share: float) -> Tensor:
    # In a stable order, so that of equal weights always the same ones go.
    order = weight.abs().flatten().argsort(stable=True)
    kept = weight.flatten().clone()
    kept[order[: round(share * len(order))]] = 0
    return kept.view_as(weight)
