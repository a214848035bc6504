"""LoRA and frozen layers on a base: exact through kills, cheap to keep, exported to be loaded."""

import json
import shutil
from pathlib import Path

import based
import pytest
import torch
from killer import Killer, outputs
from peft import PeftModel
from project import Project, once
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from stemma.files import read_json, sha256_of

STAGE = "python -m stemma.stages.train"
LAST = f"model.layers.{based.LAYERS - 1}.safetensors"
METHODS = {
    "full": ["train=full"],
    "lora": ["train=lora"],
    "frozen": ["train=frozen", "train.trainable_layers=1"],
}


@pytest.fixture(scope="session")
def started_from_base(
    built: Path, scenes: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny version with a base below data/input and LoRA, committed; do not write to it."""

    def build(folder: Path) -> None:
        project = Project(Path(shutil.copytree(built, folder, symlinks=True)))
        # Wide enough for what changed to outweigh the files that say so.
        based.make_llama(
            folder / "data/input/model",
            [text for _, text in scenes[:10]],
            hidden_size=256,
            intermediate_size=512,
        )
        experiment = folder / "conf/experiment/tiny.yaml"
        experiment.write_text(based.EXPERIMENT.format(method="lora"))
        project.run("stemma compose --reset")
        project.run("dvc repro")
        project.commit("A version from a base")

    return once(tmp_path_factory, "started-from-base", build)


@pytest.fixture
def adapted(started_from_base: Path, tmp_path: Path) -> Project:
    """A copy of that version to work in."""
    return Project(Path(shutil.copytree(started_from_base, tmp_path / "project", symlinks=True)))


def cached(project: Project) -> int:
    files = (project.path / ".dvc/cache/files").rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def bytes_of_tensors(path: Path) -> int:
    with safe_open(path, "pt") as file:
        return sum(file.get_tensor(name).nbytes for name in file.keys())  # noqa: SIM118


def test_the_base_stands_in_the_table_and_in_the_version(started_from_base: Path) -> None:
    metrics = read_json(started_from_base / "reports/metrics.json")
    assert metrics["bits_per_byte"] < metrics["baselines"]["base"]["bits_per_byte"]
    names = {path.name for path in (started_from_base / "models/trained").iterdir()}
    assert "adapter_model.safetensors" in names
    assert not any(name.startswith("model.") for name in names)
    card = (started_from_base / "models/exported/README.md").read_text()
    assert "| base |" in card


@pytest.mark.parametrize(
    "method", ["lora", *(pytest.param(name, marks=pytest.mark.soak) for name in ("full", "frozen"))]
)
def test_exact_twice_and_through_kills(
    killer: Killer, adapted: Project, tmp_path: Path, method: str
) -> None:
    project = adapted
    project.run(["stemma", "compose", *METHODS[method], "train.steps=14"])
    killed = Project(Path(shutil.copytree(project.path, tmp_path / "killed", symlinks=True)))
    assert killer(project, "never") == 0
    whole = outputs(project)
    assert killer(project, "never") == 0
    assert outputs(project) == whole
    kills = [("step 3", 0), ("micro-batch 6", 4), ("optimizer 8", 4), ("sealing 12", 8)]
    left = 0
    for point, checkpoint in kills:
        assert killer(killed, point) == left, point
        left = checkpoint
    assert killer(killed, "trained") == 8
    assert killer(killed, "swapping") == 14
    assert not (killed.path / "models/trained").exists()
    assert killer(killed, "never") == 14
    assert outputs(killed) == whole


def test_a_second_adapter_costs_what_an_adapter_costs(adapted: Project) -> None:
    before = cached(adapted)
    adapter = adapted.path / "models/trained/adapter_model.safetensors"
    first = sha256_of(adapter)
    adapted.run("stemma compose runtime.seed=2")
    adapted.run("dvc repro train")
    assert sha256_of(adapter) != first
    assert cached(adapted) - before <= 1.01 * bytes_of_tensors(adapter)


def test_frozen_layers_cost_nothing_and_keep_their_bytes(adapted: Project) -> None:
    before = cached(adapted)
    adapted.run(["stemma", "compose", *METHODS["frozen"]])
    adapted.run("dvc repro train")
    base, trained = adapted.path / "models/base", adapted.path / "models/trained"
    names = {path.name for path in base.glob("*.safetensors")}
    assert names == {path.name for path in trained.glob("*.safetensors")}
    changed = {name for name in names if sha256_of(base / name) != sha256_of(trained / name)}
    assert changed == {LAST}
    assert cached(adapted) - before <= 1.01 * bytes_of_tensors(trained / LAST)
    # Evaluation and export read such a model.
    adapted.run("dvc repro")
    exported = adapted.path / "models/exported"
    same = {name for name in names if sha256_of(base / name) == sha256_of(exported / name)}
    assert same == names - {LAST}
    rounded = AutoModelForCausalLM.from_pretrained(exported)
    full = AutoModelForCausalLM.from_pretrained(trained, dtype=torch.float32)
    assert rounded.dtype == torch.bfloat16
    for name, weight in full.state_dict().items():
        assert torch.equal(weight.bfloat16(), rounded.state_dict()[name])
    size = read_json(exported / "model.safetensors.index.json")["metadata"]["total_size"]
    assert size == sum(bytes_of_tensors(exported / name) for name in names)


def test_an_adapter_is_merged_or_stands_beside_its_base(adapted: Project) -> None:
    exported, ids = adapted.path / "models/exported", torch.arange(20, 50)[None]
    adapted.run("stemma compose export.merge=true")
    adapted.run("dvc repro export")
    merged = AutoModelForCausalLM.from_pretrained(exported, dtype=torch.float32)
    assert not (exported / "adapter").exists()
    before = cached(adapted)
    adapted.run("stemma compose export.merge=false")
    adapted.run("dvc repro export")
    # The base is in the cache already; the card, the manifest and the adapter are new.
    adapter = exported / "adapter/adapter_model.safetensors"
    assert cached(adapted) - before <= bytes_of_tensors(adapter) + 2**15
    listed = {entry["path"] for entry in read_json(exported / "manifest.json")["files"]}
    assert "adapter/adapter_model.safetensors" in listed
    # The two lines of the card.
    model = AutoModelForCausalLM.from_pretrained(exported, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, str(exported / "adapter"))
    base = AutoModelForCausalLM.from_pretrained(adapted.path / "models/base", dtype=torch.float32)
    with torch.inference_mode():
        apart = (model(ids).logits - merged(ids).logits).abs().max()
        moved = (base(ids).logits - merged(ids).logits).abs().max()
    assert apart < moved / 3
    assert "PeftModel.from_pretrained" in (exported / "README.md").read_text()


BAD = {
    "target": (["train.lora.targets=[q_proj,nonsense]"], "called 'nonsense'"),
    "layers": (
        ["train=frozen", "train.trainable_layers=9"],
        "train.trainable_layers is 9, but the model has 3 layers",
    ),
    "context": (["train.sequence_length=65"], "train.sequence_length 65 is longer than the 64"),
    "method without its settings": (["train.lora=null"], "train.method is 'lora'"),
    "settings without their method": (["train.trainable_layers=1"], "train.trainable_layers is 1"),
    "nothing to adapt": (["model=gpt2_nano"], "train.method is 'lora', but model.base is null"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_settings_stop_in_one_line(adapted: Project, kind: str) -> None:
    changes, said = BAD[kind]
    before = outputs(adapted)
    done = adapted.run(["stemma", "compose", *changes], check=False)
    if done.returncode == 0:
        done = adapted.run(STAGE, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert outputs(adapted) == before


def test_data_in_the_tokens_of_another_model(adapted: Project) -> None:
    path = adapted.path / "data/prepared/tokenizer/tokenizer.json"
    made = read_json(path)
    made["added_tokens"].append({**made["added_tokens"][0], "id": 300, "content": "<|one more|>"})
    path.unlink()
    path.write_text(json.dumps(made))
    done = adapted.run(STAGE, check=False)
    assert done.returncode == 1
    assert "in the tokens of another tokenizer than that of models/base" in done.stderr
    assert "-S tokenizer=base" in done.stderr


def test_the_tokenizer_of_a_base_that_is_not_there(adapted: Project) -> None:
    adapted.run("stemma compose model=gpt2_nano train=scratch")
    adapted.run("python -m stemma.stages.base")
    done = adapted.run("python -m stemma.stages.prepare", check=False)
    assert done.returncode == 1
    assert "tokenizer.kind is 'base', but models/base/tokenizer.json does not exist" in done.stderr
