"""Small models, and known changes to them."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from stemma.store.naming import Folder
from stemma.versions.differences.section import Section
from stemma.versions.differences.weights import compare

WIDTH, LAYERS = 160, 3
Weights = dict[str, torch.Tensor]


def llama(seed: int = 0, dtype: torch.dtype = torch.float32) -> Weights:
    torch.manual_seed(seed)
    weights = {"model.embed_tokens.weight": torch.randn(300, WIDTH)}
    for layer in range(LAYERS):
        for name in ("self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj"):
            weights[f"model.layers.{layer}.{name}.weight"] = torch.randn(WIDTH, WIDTH) * 0.05
        weights[f"model.layers.{layer}.input_layernorm.weight"] = torch.ones(WIDTH)
    return {name: tensor.to(dtype) for name, tensor in weights.items()}


def saved(folder: Path, weights: Weights) -> Folder:
    folder.mkdir()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return Folder(folder)


def section(tmp_path: Path, one: Weights, other: Weights) -> Section:
    found = compare(saved(tmp_path / "a", one), saved(tmp_path / "b", other))
    assert found is not None
    json.dumps(found.facts, allow_nan=False)
    return found


def stirred(weights: Weights, names: str, by: float = 0.01) -> Weights:
    torch.manual_seed(1)
    return {
        name: (tensor.float() * (1 + by * torch.randn(tensor.shape))).to(tensor.dtype)
        if names in name
        else tensor
        for name, tensor in weights.items()
    }


def with_lora(weights: Weights, rank: int, size: float) -> Weights:
    torch.manual_seed(2)
    changed = {}
    for name, tensor in weights.items():
        if "proj" in name:
            b, a = torch.randn(WIDTH, rank), torch.randn(rank, WIDTH)
            product = b @ a
            product *= size * tensor.float().norm() / product.norm()
            changed[name] = (tensor.float() + product).to(tensor.dtype)
    return weights | changed


def sharded(folder: Path, weights: Weights) -> Folder:
    """Write every tensor into a file of its own."""
    folder.mkdir()
    files = {name: f"{index}.safetensors" for index, name in enumerate(weights)}
    for name, file in files.items():
        save_file({name: weights[name]}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    return Folder(folder)
