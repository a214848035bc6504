"""Every format of a model: written twice, loaded, measured, and refused in one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, T5Config, T5ForConditionalGeneration

import stemma
from stemma.config import build
from stemma.errors import ModelError, SettingsError
from stemma.files import read_json, write_json
from stemma.layout import EXPORTED, FORMATS, METRICS, TRAINED
from stemma.modeling.export.formats import int8, onnx
from stemma.stages import evaluate
from stemma.stages.export import ExportSettings, run

ALL = ["bf16", "int8", "pruned", "onnx"]


def settings(**changes: object) -> ExportSettings:
    export = tiny.shipped("export/compressed", **changes)
    return build(ExportSettings, {**tiny.measuring(), "export": export}, "test")


def outputs() -> dict[str, bytes]:
    files = [FORMATS, *(path for path in EXPORTED.rglob("*") if path.is_file())]
    return {str(path): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with all formats made, in a process of its own; do not write to it."""
    root = tmp_path_factory.mktemp("project")
    tiny.make_project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        tiny.declare(export=tiny.shipped("export/compressed"), **tiny.measuring())
        evaluate.run(build(evaluate.EvaluateSettings, tiny.measuring(), "test"))
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(stemma.__file__).resolve().parents[1]),
            "PYTHONHASHSEED": "1",
        }
        command = [sys.executable, "-m", "stemma.stages.export"]
        subprocess.run(command, env=environment, check=True)
    return root


@pytest.fixture
def here(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def original() -> Any:
    return AutoModelForCausalLM.from_pretrained(EXPORTED).eval()


def ids(rows: int, tokens: int) -> torch.Tensor:
    return torch.randint(0, 300, (rows, tokens), generator=torch.Generator().manual_seed(0))


def test_two_runs_give_the_same_bytes_wherever_they_are(here: Path) -> None:
    before = outputs()
    shutil.rmtree(EXPORTED)
    run(settings())
    assert outputs() == before
    machine = str(Path(stemma.__file__).resolve().parents[1]).encode()
    assert not any(machine in content for content in before.values())


def test_every_format_stands_beside_the_original(here: Path) -> None:
    found, metrics = read_json(FORMATS), read_json(METRICS)
    whole = found.pop("original")
    size = (EXPORTED / "model.safetensors").stat().st_size
    assert whole == {"bytes": size, **{key: metrics[key] for key in whole if key != "bytes"}}
    assert {*found} == {*ALL}
    for name, row in found.items():
        (weights,) = (path for path in (EXPORTED / name).iterdir() if path.suffix != ".json")
        assert row["bytes"] == weights.stat().st_size
        assert row["bits_per_byte_low"] < row["bits_per_byte"] < row["bits_per_byte_high"]
        change = row["bits_per_byte"] - whole["bits_per_byte"]
        assert row["change"]["bits_per_byte"] == pytest.approx(change, abs=1e-4)
        if name != "pruned":
            assert abs(change) < 0.01
    assert found["onnx"]["loss"] == pytest.approx(whole["loss"], abs=1e-4)
    assert found["bf16"]["bytes"] < 0.6 * size
    assert found["int8"]["bytes"] < 0.5 * size


def test_rounded_and_pruned_models_load_as_any(here: Path) -> None:
    full = original().state_dict()
    rounded = AutoModelForCausalLM.from_pretrained(EXPORTED / "bf16")
    assert rounded.dtype == torch.bfloat16
    for name, weight in rounded.state_dict().items():
        assert weight.equal(full[name].bfloat16())
    pruned = AutoModelForCausalLM.from_pretrained(EXPORTED / "pruned").state_dict()
    for name, weight in pruned.items():
        assert torch.all((weight == full[name]) | (weight == 0))


def test_pruning_takes_the_smallest_weights_of_each_layer_and_no_embedding(here: Path) -> None:
    full, pruned = (load_file(EXPORTED / name / "model.safetensors") for name in (".", "pruned"))
    zeros = total = 0
    for name, weight in pruned.items():
        gone, magnitude = weight == 0, full[name].abs()
        zeros, total = zeros + int(gone.sum()), total + weight.numel()
        if ".c_" in name and name.endswith(".weight"):
            assert int(gone.sum()) == round(0.3 * weight.numel())
            assert magnitude[gone].max() <= magnitude[~gone].min()
        else:
            assert weight.equal(full[name])
    assert 0 < read_json(FORMATS)["pruned"]["sparsity"] == round(zeros / total, 4)


def test_a_model_in_8_bits_is_given_back(here: Path) -> None:
    model, whole = int8.load(EXPORTED / "int8").eval(), original()
    stored = load_file(EXPORTED / "int8/model.int8.safetensors")
    scaled = [name for name in stored if name.endswith("_scale")]
    assert scaled
    for name, weight in whole.state_dict().items():
        if f"{name}_scale" in scaled:
            # Rounded to the nearest of 255 steps, whose width is the scale of the output.
            apart = (model.state_dict()[name] - weight).abs()
            assert torch.all(apart <= 0.501 * stored[f"{name}_scale"])
    with torch.inference_mode():
        apart = (model(ids(3, 30)).logits - whole(ids(3, 30)).logits).abs().max()
    assert 0 < apart < 0.02
    with pytest.raises(OSError, match=r"model\.safetensors"):
        AutoModelForCausalLM.from_pretrained(EXPORTED / "int8")


def test_onnx_gives_the_logits_of_the_model(here: Path) -> None:
    model, whole = onnx.load(EXPORTED / "onnx"), original()
    for rows, tokens in ((1, 1), (2, 8), (3, tiny.CONTEXT)):
        tokens_in = ids(rows, tokens)
        mask = torch.ones_like(tokens_in)
        mask[0, tokens // 2 + 1 :] = 0
        with torch.inference_mode():
            wanted = whole(tokens_in, attention_mask=mask).logits
        given = model(tokens_in, attention_mask=mask).logits
        assert torch.allclose(given[mask == 1], wanted[mask == 1], atol=1e-5)
        assert model(tokens_in, logits_to_keep=1).logits.shape == (rows, 1, 300)


def test_the_card_and_the_manifest_tell_of_the_formats(here: Path) -> None:
    card = (EXPORTED / "README.md").read_text()
    row = read_json(FORMATS)["int8"]
    assert f"| `int8` | {row['bytes']:,} | {row['bits_per_byte']:.4g} (" in card
    listed = {entry["path"] for entry in read_json(EXPORTED / "manifest.json")["files"]}
    assert {f"{name}/tokenizer.json" for name in ALL} | {"onnx/model.onnx"} <= listed
    run(settings(formats=[]))
    assert "Other formats" not in (EXPORTED / "README.md").read_text()


def test_a_rounded_original_is_measured_as_it_is(here: Path) -> None:
    before = read_json(FORMATS)
    run(settings(dtype="bfloat16", formats=["int8"]))
    after = read_json(FORMATS)
    for key in ("loss", "bits_per_byte", "perplexity"):
        assert after["original"][key] == before["bf16"][key]
    assert after["original"]["bytes"] == before["bf16"]["bytes"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"formats": ["int4"]}, r"'export\.formats\.0' is 'int4': Input should be 'bf16', "),
        ({"sparsity": 1.0}, r"'export\.sparsity' is 1\.0: Input should be less than 1"),
        ({"sparsity": 0}, r"'export\.sparsity' is 0: Input should be greater than 0"),
        ({"dtype": "bfloat16"}, r"export\.formats has bf16, which export\.dtype asks for"),
    ],
)
def test_settings_that_ask_for_no_format(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(**changes)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_extra_stops_before_anything_is_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    before = outputs()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError, match=f"needs the package `{package}`") as caught:
        run(settings())
    assert "pip install 'stemma-lm[onnx]'" in caught.value.hint
    assert outputs() == before


def test_an_adapter_beside_its_base_has_no_formats(here: Path) -> None:
    before = outputs()
    write_json(TRAINED / "adapter_config.json", {})
    with pytest.raises(SettingsError, match=r"export\.merge=false leaves an adapter"):
        run(settings(merge=False))
    assert outputs() == before


def test_a_loss_that_is_no_number_leaves_the_old_export(here: Path) -> None:
    before = outputs()
    weights = load_file(TRAINED / "model.safetensors")
    weights["transformer.ln_f.weight"][:] = float("nan")
    save_file(weights, TRAINED / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="is not a finite number"):
        run(settings(formats=["bf16"]))
    assert outputs() == before
    assert not list(EXPORTED.parent.glob(".exported.*"))


def test_two_networks_make_no_onnx_graph(tmp_path: Path) -> None:
    shape = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    T5ForConditionalGeneration(T5Config(vocab_size=20, **shape)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="T5ForConditionalGeneration has an encoder and a decoder"):
        onnx.write(tmp_path, tmp_path / "onnx")


@pytest.mark.parametrize("harm", ["missing", "torn"])
@pytest.mark.parametrize(("load", "name"), [(int8.load, "int8"), (onnx.load, "onnx")])
def test_a_file_that_is_missing_or_torn(here: Path, load: Any, name: str, harm: str) -> None:
    (path,) = (path for path in (EXPORTED / name).iterdir() if path.suffix != ".json")
    content = path.read_bytes()
    path.unlink()
    if harm == "torn":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=f"{EXPORTED / name}"):
        load(EXPORTED / name)
