import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from huggingface_hub import ModelCard
from safetensors import safe_open

import stemma
from stemma.config import build
from stemma.errors import ModelError, SettingsError
from stemma.files import read_json, sha256_of, write_json
from stemma.layout import BASE, EXPORTED, FORMATS, METRICS, PREPARED, RAW, TRAINED
from stemma.modeling.observed import record
from stemma.stages.export import ExportSettings, run

NAMES = ("loss", "perplexity", "bits_per_byte", "top1_accuracy", "top5_accuracy")
TRAINING = {
    "parameters": 12345,
    "settings": {"model": {"layers": 2}, "train": {"learning_rate": 0.01}},
    "runtime": {"device": "cpu", "precision": "bf16", "threads": 2, "seed": 1},
    "steps": 40,
    "tokens_seen": 5120,
}


def intervals(value: float) -> dict[str, float]:
    ends = (("", 0), ("_low", -0.1), ("_high", 0.1))
    return {f"{name}{end}": value + shift for name in NAMES for end, shift in ends}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    tiny.make_project(root)
    baselines = {name: intervals(value) for name, value in (("unigram", 3.25), ("bigram", 2.25))}
    counts = {"documents": 12, "tokens": 345, "bytes": 1234}
    write_json(root / METRICS, {**intervals(1.75), "baselines": baselines, **counts})
    write_json(root / TRAINED / "training.json", TRAINING)
    return root


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(**changes: object) -> ExportSettings:
    export = {
        "name": "default",
        "model_name": "tiny",
        "dtype": "float32",
        "merge": True,
        "license": "mit",
        "language": ["en"],
        "formats": [],
        "sparsity": 0.3,
    }
    return build(ExportSettings, {**tiny.measuring(), "export": {**export, **changes}}, "test")


LOAD = """
import sys
sys.modules["stemma"] = None
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], local_files_only=True)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], local_files_only=True)
ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer("the king").input_ids]])
mask = torch.ones_like(ids)
written = model.generate(ids, attention_mask=mask, max_new_tokens=4, do_sample=False)
print(model.dtype, tokenizer.decode(ids[0, 1:]), written.shape[1] - ids.shape[1])
"""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_loads_in_a_python_without_this_package(here: Path, dtype: str) -> None:
    run(settings(dtype=dtype))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [sys.executable, "-I", "-c", LOAD, str(EXPORTED.resolve())]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kind, text, written = done.stdout.split()[0], done.stdout.split()[1:-1], done.stdout.split()[-1]
    assert (kind, text) == (f"torch.{dtype}", ["the", "king"])
    assert 1 <= int(written) <= 4


def test_the_front_matter_is_what_the_hub_reads(here: Path) -> None:
    run(settings())
    data = ModelCard.load(EXPORTED / "README.md").data
    assert (data.license, data.language, data.library_name) == ("mit", ["en"], "transformers")
    assert (data.pipeline_tag, data.model_name) == ("text-generation", "tiny")
    assert "gpt2" in data.tags
    assert data.datasets is None
    values = {(result.metric_type, result.metric_name): result for result in data.eval_results}
    assert values["bits_per_byte", "Bits per byte"].metric_value == 1.75
    assert values["bits_per_byte", "Bits per byte"].dataset_split == "test"
    assert set(data.metrics) == {"bits_per_byte", "perplexity", "accuracy"}


def test_the_card_tells_sources_figures_and_settings(here: Path) -> None:
    run(settings())
    card = (EXPORTED / "README.md").read_text()
    assert "| words | tests | 1 | CC0-1.0 | 73 | 1,000 |" in card
    assert "| **this model** | 1.75 (1.65 to 1.85) |" in card
    assert "| bigram | 2.25 (2.15 to 2.35) |" in card
    assert "Of 73 documents 72 were kept" in card
    assert "| test | 12 | 9 | 9 |" in card
    assert "with 12,345 parameters" in card
    assert "40 steps over 5,120 tokens" in card
    assert "| `train.learning_rate` | `0.01` |" in card
    assert "at most 32 tokens" in card


def test_the_card_tells_how_documents_were_read_and_what_others_find(here: Path) -> None:
    windows = {"context": 32, "stride": 16, "start": 0, "rolling_bits_per_byte": 1.8163}
    write_json(METRICS, {**read_json(METRICS), "windows": windows})
    run(settings())
    card = " ".join((EXPORTED / "README.md").read_text().split())
    assert "in windows of 32 tokens, each 16 behind the one before it" in card
    assert "`max_length=32,prefix_token_id=0`) reads windows side by side" in card
    assert "finds 1.816 bits per byte" in card
    write_json(METRICS, {**read_json(METRICS), "windows": {"context": 32, "stride": 16}})
    run(settings())
    card = (EXPORTED / "README.md").read_text()
    assert "in windows of 32" in card and "harness" not in card


def test_a_data_set_of_the_hub_is_linked(here: Path) -> None:
    sources = read_json(RAW / "sources.json")["sources"]
    hub = {**sources[0], "name": "c|d", "origin": "hf://datasets/owner/name"}
    write_json(RAW / "sources.json", {"sources": [*sources, hub]})
    run(settings())
    card = ModelCard.load(EXPORTED / "README.md")
    assert card.data.datasets == ["owner/name"]
    assert {result.dataset_type for result in card.data.eval_results} == {"owner/name"}
    assert "| c\\|d | hf://datasets/owner/name |" in card.text


HUB = {"kind": "hub", "origin": "hf://owner/name", "version": "1" * 40, "id": "owner/name"}
OWN = {"kind": "path", "origin": "data/input/model", "version": "", "id": None}


@pytest.mark.parametrize("base", [HUB, OWN], ids=["hub", "path"])
def test_the_card_names_the_base_and_its_revision(here: Path, base: dict) -> None:
    write_json(BASE / "base.json", {**base, "license": "MIT", "files": {"a": "0" * 64}})
    run(settings())
    card = ModelCard.load(EXPORTED / "README.md")
    exact = base["version"] or f"sha256:{sha256_of(BASE / 'base.json')}"
    assert card.data["trained_from"] == {"origin": base["origin"], "revision": exact}
    assert card.data.base_model == base["id"]
    assert card.data.get("base_model_relation") == ("finetune" if base["id"] else None)
    assert f"Trained from `{base['origin']} {exact}` (MIT)" in card.text


@pytest.mark.parametrize("steps", [0, 3])
def test_the_card_names_all_that_was_merged(here: Path, steps: int) -> None:
    parents = [{**HUB, "license": "MIT"}, {**HUB, "id": "owner/other", "license": "MIT"}]
    merged = {"kind": "merged", "id": None, "origin": "ties of a, b", "version": ""}
    merged |= {"license": "MIT", "method": "ties", "weights": [1.0, 0.5], "density": 0.2}
    merged |= {"parents": parents, "ancestor": {**OWN, "license": "CC0-1.0"}, "files": {}}
    write_json(BASE / "base.json", merged)
    training = {"steps": steps, "tokens_seen": 9, "settings": {}, "runtime": {}}
    write_json(TRAINED / "training.json", training)
    run(settings())
    card = ModelCard.load(EXPORTED / "README.md")
    assert card.data.base_model == ["owner/name", "owner/other"]
    assert card.data.base_model_relation == "merge"
    assert f"{'Trained' if steps else 'Taken as it is'} from `ties of a, b sha256:" in card.text
    assert "Merged by `ties`, density 0.2:" in card.text
    assert f"| `hf://owner/name` | `{'1' * 40}` | MIT | 0.5 |" in card.text
    assert "| `data/input/model` |  | CC0-1.0 | ancestor |" in card.text


@pytest.mark.parametrize("activation", ["gelu_new", "relu", "relu2"])
def test_the_card_says_which_runtimes_take_the_activation_for_another(
    here: Path, activation: str
) -> None:
    config = read_json(TRAINED / "config.json")
    write_json(TRAINED / "config.json", config | {"activation_function": activation})
    run(settings())
    card = (EXPORTED / "README.md").read_text()
    assert ("llama.cpp takes its" in card) == (activation != "gelu_new")
    assert ("CTranslate2 refuses it" in card) == (activation == "relu2")


def test_a_model_that_was_not_trained_here(here: Path) -> None:
    (TRAINED / "training.json").unlink()
    run(settings())
    assert "Not trained by the pipeline" in (EXPORTED / "README.md").read_text()


def test_the_manifest_lists_every_other_file_of_the_version(here: Path) -> None:
    record(TRAINED)
    run(settings())
    listed = read_json(EXPORTED / "manifest.json")["files"]
    names = {path.name for path in EXPORTED.iterdir()}
    # What the model was made on is another on every machine, and no part of the version.
    assert {entry["path"] for entry in listed} == names - {"manifest.json", "observed.json"}
    assert "`observed.json`, where it is here, is no part" in (EXPORTED / "README.md").read_text()
    assert "observed.json" in names
    assert names >= {
        "README.md",
        "bom.cdx.json",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    for entry in listed:
        path = EXPORTED / entry["path"]
        assert (entry["bytes"], entry["sha256"]) == (path.stat().st_size, sha256_of(path))


def test_the_bill_of_materials_has_the_bytes_of_the_export(here: Path) -> None:
    run(settings())
    model = read_json(EXPORTED / "bom.cdx.json")["metadata"]["component"]
    told = {one["name"]: one["hashes"][0]["content"] for one in model["components"]}
    listed = {one["path"]: one["sha256"] for one in read_json(EXPORTED / "manifest.json")["files"]}
    del listed["bom.cdx.json"]
    assert told == listed
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    interval = {"lowerBound": "1.65", "upperBound": "1.85"}
    assert [one["confidenceInterval"] for one in metrics if one["type"] == "loss"] == [interval]


def test_weights_are_copied_where_the_type_is_right_and_rounded_where_not(here: Path) -> None:
    run(settings())
    weights = "model.safetensors"
    assert sha256_of(EXPORTED / weights) == sha256_of(TRAINED / weights)
    run(settings(dtype="bfloat16"))
    with safe_open(EXPORTED / weights, "pt") as small, safe_open(TRAINED / weights, "pt") as full:
        assert list(small.keys()) == list(full.keys())
        for name in full.keys():  # noqa: SIM118
            assert small.get_tensor(name).equal(full.get_tensor(name).bfloat16())
    assert read_json(EXPORTED / "config.json")["dtype"] == "bfloat16"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_two_runs_give_the_same_bytes(here: Path, dtype: str) -> None:
    run(settings(dtype=dtype))
    first = {path.name: path.read_bytes() for path in EXPORTED.iterdir()}
    run(settings(dtype=dtype))
    assert {path.name: path.read_bytes() for path in EXPORTED.iterdir()} == first


def test_copying_weights_needs_no_torch(here: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from stemma.config import load\n"
        "from stemma.stages.export import ExportSettings, run\n"
        "run(load(ExportSettings))\n"
    )
    tiny.declare(export=tiny.shipped("export/default"), **tiny.measuring())
    path = str(Path(stemma.__file__).resolve().parents[1])
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True)
    assert (EXPORTED / "model.safetensors").exists()
    # What evaluate has measured is not measured again.
    original = {"bytes": (EXPORTED / "model.safetensors").stat().st_size, **intervals(1.75)}
    assert read_json(FORMATS) == {"original": original}


@pytest.mark.parametrize("name", ["pytorch_model.bin", "training_args.bin", "optimizer.pt"])
def test_pickles_are_refused(here: Path, name: str) -> None:
    (TRAINED / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=f"{name} may hold pickled objects"):
        run(settings())
    assert not EXPORTED.exists()


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        (TRAINED / "model.safetensors", "train"),
        (TRAINED / "config.json", "train"),
        (TRAINED / "training.json", "train"),
        (METRICS, "evaluate"),
        (RAW / "sources.json", "ingest"),
        (PREPARED / "data_report.json", "prepare"),
    ],
    ids=str,
)
def test_a_torn_file_leaves_the_old_export(here: Path, name: Path, stage: str) -> None:
    run(settings())
    before = sha256_of(EXPORTED / "manifest.json")
    name.write_bytes(name.read_bytes()[: name.stat().st_size // 2])
    with pytest.raises(ModelError) as caught:
        run(settings())
    assert str(name) in caught.value.message
    assert f"dvc repro {stage}" in caught.value.hint
    assert sha256_of(EXPORTED / "manifest.json") == before


@pytest.mark.parametrize(
    "name",
    [
        TRAINED / "model.safetensors",
        TRAINED / "config.json",
        TRAINED / "tokenizer.json",
        METRICS,
        RAW / "sources.json",
        PREPARED / "data_report.json",
    ],
    ids=str,
)
def test_a_missing_file_is_named(here: Path, name: Path) -> None:
    name.unlink()
    with pytest.raises(ModelError, match=f"{name} does not exist"):
        run(settings())


def test_a_card_says_why_there_are_no_intervals_and_no_bits_per_byte(here: Path) -> None:
    found = read_json(METRICS)
    kept = {
        key: value
        for key, value in found.items()
        if not key.startswith("bits_per_byte") and not key.endswith(("_low", "_high"))
    }
    write_json(METRICS, {**kept, "documents": 1, "not_restored": 1})
    run(settings())
    card = (EXPORTED / "README.md").read_text()
    assert "No intervals: they take 6 documents or more." in card
    assert "No bits per byte: of 1 of the 1 the text does not come back" in card
    assert "95 % bootstrap" not in card
    rows = [line for line in card.splitlines() if line.startswith("| **this model**")]
    assert len(rows) == 1 and " to " not in rows[0] and "1.75" in rows[0]
    assert read_json(FORMATS)["original"]["loss"] == 1.75


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (TRAINED / "config.json", "model_type"),
        (METRICS, "loss"),
        (RAW / "sources.json", "sources"),
        (PREPARED / "data_report.json", "splits"),
    ],
)
def test_a_key_that_is_not_there_is_named(here: Path, name: Path, key: str) -> None:
    write_json(name, {k: value for k, value in read_json(name).items() if k != key})
    with pytest.raises(ModelError, match=f"{name} has no key '{key}'"):
        run(settings())


@pytest.mark.parametrize(
    ("key", "value"),
    [("dtype", "int8"), ("license", "MIT License"), ("language", []), ("language", ["English"])],
)
def test_settings_that_no_card_can_hold(key: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"export\.{key}"):
        settings(**{key: value})
