"""Which tensors of a model are the weights of its matrices."""

from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

# The axis along which the outputs lie.
_AXES = {nn.Linear: 0, Conv1D: 1}


def layers(model: Any) -> dict[str, int]:
    """Return the weights of linear layers except the output embedding, and their output axes."""
    head = model.get_output_embeddings()
    return {
        f"{name}.weight": axis
        for name, module in model.named_modules()
        for kind, axis in _AXES.items()
        if isinstance(module, kind) and module is not head
    }


def embeddings(model: Any) -> dict[str, int]:
    """Return the weights of input and output embeddings, whose rows are tokens or positions."""
    head = model.get_output_embeddings()
    return {
        f"{name}.weight": 0
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) or module is head
    }
