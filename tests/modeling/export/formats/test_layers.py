"""What int8 and pruning make of models in several files, and of layers of both orientations."""

from pathlib import Path

import pytest
import tiny
import torch
from based import make_llama
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from stemma.modeling.export.formats import int8, pruned
from stemma.modeling.weights import shards
from stemma.modeling.weights.load import load_saved


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    """A base in bf16, a file per layer."""
    make_llama(tmp_path / "whole", tiny.texts(0, 20))
    folder = tmp_path / "layers"
    folder.mkdir()
    shards.write(tmp_path / "whole", folder)
    for name in ("config.json", "generation_config.json"):
        (folder / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    return folder


def companions(source: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in source.glob("*config.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_a_linear_layer_has_a_scale_for_each_row(llama: Path, tmp_path: Path) -> None:
    folder = companions(llama, tmp_path / "int8")
    int8.write(llama, folder)
    stored = load_file(folder / "model.layers.0.int8.safetensors")
    for name in ("self_attn.q_proj", "mlp.down_proj"):
        weight = stored[f"model.layers.0.{name}.weight"]
        assert weight.dtype == torch.int8
        assert stored[f"model.layers.0.{name}.weight_scale"].shape == (len(weight), 1)
        assert torch.all(weight.abs().amax(1) == 127)
    tokens = load_file(folder / "model.embed_tokens.int8.safetensors")
    assert torch.all(tokens["model.embed_tokens.weight"].abs().amax(1) == 127)
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        apart = int8.load(folder)(ids).logits - load_saved(llama)(ids).logits
    assert apart.abs().max() < 0.02


def test_a_layer_of_gpt2_has_a_scale_for_each_column(tmp_path: Path) -> None:
    folder = tmp_path / "gpt2"
    folder.mkdir()
    tiny.make_data(tmp_path / "data", {"train": tiny.texts(0, 60)})
    tiny.make_model(folder, tmp_path / "data/tokenizer")
    target = companions(folder, tmp_path / "int8")
    int8.write(folder, target)
    stored = load_file(target / "model.int8.safetensors")
    weight = stored["transformer.h.0.attn.c_attn.weight"]
    assert stored["transformer.h.0.attn.c_attn.weight_scale"].shape == (1, 48)
    assert weight.shape == (16, 48)
    assert torch.all(weight.abs().amax(0) == 127)
    assert stored["transformer.h.0.attn.c_attn.bias"].dtype == torch.float32


def test_an_output_without_weights_stays_so(tmp_path: Path) -> None:
    stored = int8._quantised("w", torch.tensor([[0.0, 0.0], [1.0, -2.0]]), 0)
    assert stored["w"].tolist() == [[0, 0], [64, -127]]
    assert int8._restored(stored)["w"][0].tolist() == [0, 0]


def test_a_pruned_model_keeps_its_files_and_its_type(llama: Path, tmp_path: Path) -> None:
    folder = companions(llama, tmp_path / "pruned")
    pruned.write(llama, folder, 0.5)
    assert {path.name for path in folder.iterdir()} == {path.name for path in llama.iterdir()}
    weights = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    weight = weights["model.layers.1.mlp.up_proj.weight"]
    assert weight.dtype == torch.bfloat16
    assert int((weight == 0).sum()) == weight.numel() // 2
    whole = AutoModelForCausalLM.from_pretrained(llama).state_dict()
    for name in ("model.embed_tokens.weight", "model.norm.weight"):
        assert weights[name].equal(whole[name])
