import csv
import itertools
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
import torch
import yaml
from project import ROOT
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

from stemma.config import build
from stemma.corpus.packing import TokenWriter, read_split
from stemma.errors import DataError, ModelError, SettingsError
from stemma.files import read_json
from stemma.layout import EVALUATION, METRICS, PREPARED, REPORTS, TRAINED
from stemma.stages.evaluate import EvaluateSettings, run

NAMES = ("loss", "perplexity", "bits_per_byte", "top1_accuracy", "top5_accuracy")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    tiny.make_project(root)
    return root


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(**changes: object) -> EvaluateSettings:
    evaluate = {
        "name": "default",
        "context": None,
        "stride": 0.5,
        "batch_tokens": 200,
        "resamples": 200,
        "baseline_tokens": 10**6,
        "prompts": ["the king", ""],
        "sample_tokens": 8,
        "reference": {"requests": 20, "prompt_tokens": [4, 64], "answer_tokens": 6},
    }
    runtime = tiny.shipped("runtime/auto", device="cpu", precision="fp32", threads=1)
    raw = {"task": {"name": "causal_lm"}, "evaluate": {**evaluate, **changes}, "runtime": runtime}
    return build(EvaluateSettings, raw, "test")


def outputs() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in REPORTS.rglob("*") if path.is_file()}


def test_figures_agree_with_each_other_and_with_the_rows(here: Path) -> None:
    run(settings())
    found = read_json(METRICS)
    rows = pq.read_table(REPORTS / "examples.parquet")
    assert rows.column_names == ["id", "tokens", "bytes", "loss", "correct", "top5"]
    sums = {name: sum(rows[name].to_pylist()) for name in rows.column_names[1:]}
    assert rows["id"].to_pylist() == [f"test-{index}" for index in range(12)]
    assert sums["bytes"] == sum(len(text.encode()) for text in tiny.texts(1, 12)) == found["bytes"]
    assert sums["tokens"] == len(read_split(PREPARED, "test").tokens) == found["tokens"]
    assert found["documents"] == 12
    assert found["loss"] == pytest.approx(sums["loss"] / sums["tokens"], abs=1e-4)
    assert found["perplexity"] == pytest.approx(math.exp(sums["loss"] / sums["tokens"]), abs=1e-4)
    bits = sums["loss"] / math.log(2) / sums["bytes"]
    assert found["bits_per_byte"] == pytest.approx(bits, abs=1e-4)
    assert found["top1_accuracy"] == pytest.approx(sums["correct"] / sums["tokens"], abs=1e-4)
    assert found["top5_accuracy"] == pytest.approx(sums["top5"] / sums["tokens"], abs=1e-4)
    for model in (found, *found["baselines"].values()):
        for name in NAMES:
            assert model[f"{name}_low"] <= model[name] <= model[f"{name}_high"]


def test_counting_beats_an_untrained_model(here: Path) -> None:
    run(settings())
    found = read_json(METRICS)
    baselines = found["baselines"]
    assert list(baselines) == ["bigram", "trigram", "unigram"]
    assert baselines["bigram"]["bits_per_byte"] < baselines["unigram"]["bits_per_byte"]
    assert baselines["unigram"]["bits_per_byte"] < found["bits_per_byte"]
    # Nothing but chance: each of 300 tokens as likely as the other.
    assert found["loss"] == pytest.approx(math.log(300), rel=0.02)


def test_plots_hold_a_row_per_model_and_per_distance(here: Path) -> None:
    run(settings())
    found = read_json(METRICS)
    with (EVALUATION / "baselines.csv").open() as handle:
        table = list(csv.DictReader(handle))
    assert [row["model"] for row in table] == ["unigram", "bigram", "trigram", "model"]
    assert float(table[3]["bits_per_byte"]) == found["bits_per_byte"]
    with (EVALUATION / "loss_by_position.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    longest = int(np.diff(read_split(PREPARED, "test").offsets).max())
    assert [int(row["position"]) for row in rows] == [2**i for i in range(longest.bit_length())]
    assert sum(int(row["tokens"]) for row in rows) == found["tokens"]
    mean = sum(int(row["tokens"]) * float(row["model"]) for row in rows) / found["tokens"]
    assert mean == pytest.approx(found["loss"], abs=1e-3)


def test_the_figure_of_windows_side_by_side_is_that_of_each_scored_alone(here: Path) -> None:
    run(settings())
    found, split = read_json(METRICS), read_split(PREPARED, "test")
    windows = found["windows"]
    assert (windows["context"], windows["stride"], windows["start"]) == (32, 16, 0)
    model = AutoModelForCausalLM.from_pretrained(TRAINED).eval()
    nats = 0.0
    for begin, end in itertools.pairwise(split.offsets):
        # Without its end of text, after another.
        ids = torch.tensor([0, *split.tokens[begin : end - 1].tolist()])
        for first in range(1, len(ids), 32):
            last = min(first + 32, len(ids))
            seen = ids[max(0, last - 33) : last]
            logits = model(seen[None, :-1]).logits[0]
            losses = torch.nn.functional.cross_entropy(logits, seen[1:], reduction="none")
            nats += losses[-(last - first) :].sum().item()
    bits = nats / found["bytes"] / math.log(2)
    assert windows["rolling_bits_per_byte"] == pytest.approx(bits, abs=2e-4)
    assert bits != pytest.approx(found["bits_per_byte"], abs=1e-3)


def test_every_plot_of_dvc_yaml_has_a_table(here: Path) -> None:
    run(settings())
    plots = [
        plot
        for one in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
        for plot in one.values()
    ]
    named = {Path(file) for plot in plots for file in plot["y"] if "evaluation" in file}
    assert {*EVALUATION.iterdir()} == named
    # What the task does not measure is empty: DVC draws nothing, and misses nothing.
    assert (EVALUATION / "confusion.csv").read_text() == "actual,predicted\n"


def test_samples_show_the_prompts(here: Path) -> None:
    run(settings())
    page = (REPORTS / "samples.md").read_text()
    assert "## the king\n\n```text\nthe king" in page
    assert "## (no prompt)\n" in page
    assert "at most 8 tokens" in page


def test_two_runs_give_the_same_bytes(here: Path) -> None:
    run(settings())
    first = outputs()
    shutil.rmtree(REPORTS)
    run(settings())
    assert outputs() == first


def test_a_context_longer_than_the_models(here: Path) -> None:
    with pytest.raises(SettingsError, match=r"evaluate\.context is 64, but .* sees only 32 tokens"):
        run(settings(context=64))
    assert not REPORTS.exists()


def test_a_prompt_longer_than_the_context(here: Path) -> None:
    with pytest.raises(SettingsError, match=r"evaluate\.prompts\[1\] has \d+ tokens, .* the 32"):
        run(settings(prompts=["a", "the king and queen " * 9]))


def test_a_model_of_another_vocabulary(here: Path) -> None:
    shutil.rmtree(TRAINED)
    tiny.make_model(TRAINED, PREPARED / "tokenizer", vocabulary=290)
    with pytest.raises(ModelError, match="vocab_size 290, but the tokenizer has 300"):
        run(settings())


def test_a_model_of_another_tokenizer(here: Path) -> None:
    other = ["wholly different words make wholly different entries of the vocabulary\n"] * 9
    tiny.make_data(Path("other"), {"train": other, "test": []}, vocabulary=290)
    shutil.copy("other/tokenizer/tokenizer.json", TRAINED)
    with pytest.raises(ModelError, match="models/trained has another tokenizer than data/prep"):
        run(settings())


def test_arrays_of_another_tokenizer(here: Path) -> None:
    with TokenWriter(PREPARED, "test", 400, 0) as writer:
        writer.append([np.array([5, 399])] * 12)
    with pytest.raises(DataError, match=r"test\.tokens\.npy holds id 399, .* has 300 entries"):
        run(settings())


def test_documents_without_an_end(here: Path) -> None:
    with TokenWriter(PREPARED, "test", 300, 7) as writer:
        writer.append([np.array([5, 6])] * 12)
    with pytest.raises(DataError, match="does not end with the end-of-text id 0"):
        run(settings())


def test_a_test_split_without_documents(here: Path) -> None:
    tiny.make_data(PREPARED, {"train": tiny.texts(0, 60), "test": []})
    with pytest.raises(DataError, match=r"test\.tokens\.npy holds no document"):
        run(settings())


def test_a_manifest_of_other_documents(here: Path) -> None:
    path = PREPARED / "manifest.parquet"
    pq.write_table(pq.read_table(path).slice(0, 65), path)
    with pytest.raises(DataError, match=r"manifest\.parquet names 4 test documents, but .* has 12"):
        run(settings())


@pytest.mark.parametrize(
    "name",
    [
        PREPARED / "test.tokens.npy",
        PREPARED / "test.offsets.npy",
        PREPARED / "train.tokens.npy",
        PREPARED / "manifest.parquet",
        PREPARED / "tokenizer/tokenizer.json",
        TRAINED / "config.json",
        TRAINED / "model.safetensors",
        TRAINED / "tokenizer.json",
        TRAINED / "tokenizer_config.json",
    ],
    ids=str,
)
@pytest.mark.parametrize("harm", ["missing", "torn"])
def test_a_file_that_is_missing_or_torn(here: Path, name: Path, harm: str) -> None:
    content = name.read_bytes()
    name.unlink()
    if harm == "torn":
        name.write_bytes(content[: len(content) // 2])
    with pytest.raises((DataError, ModelError)) as caught:
        run(settings())
    assert str(name.parent) in caught.value.message
    assert caught.value.hint
    assert not REPORTS.exists()


def test_weights_that_lack_a_tensor(here: Path) -> None:
    path = TRAINED / "model.safetensors"
    weights = load_file(path)
    del weights["transformer.h.1.ln_1.weight"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"no weight 'transformer\.h\.1\.ln_1\.weight'"):
        run(settings())


def test_a_loss_that_is_no_number(here: Path) -> None:
    path = TRAINED / "model.safetensors"
    weights = load_file(path)
    weights["transformer.ln_f.weight"][:] = np.nan
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"the loss of test document 'test-\d+' is not a finite"):
        run(settings())
