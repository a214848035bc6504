"""classify and tag from documents to metrics, at tiny size, with every kind of bad input."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from documents import classified, tagged
from measured import metrics_of
from project import Project

from stemma.config import build
from stemma.corpus.documents import shards, write_shards
from stemma.corpus.packing import read_labels, read_split
from stemma.corpus.prepare.pipeline import prepare
from stemma.corpus.sharding.pool import SerialPool
from stemma.errors import DataError
from stemma.files import read_json, sha256_of
from stemma.layout import METRICS, PREPARED, REPORTS, TRAINED
from stemma.stages import evaluate, train
from stemma.stages.prepare import PrepareSettings
from stemma.tasks import encoding_of
from stemma.versions.contents.metrics import metric_values

CONF = Path(__file__).parents[2] / "conf"
DOCUMENTS = {"classify": classified, "tag": tagged}


def section(group, name, **changes):
    return yaml.safe_load((CONF / f"{group}/{name}.yaml").read_text()) | changes


def settings(task, **changes):
    raw = {
        "prepare": section("prepare", "default"),
        "tokenizer": section("tokenizer", "bpe", vocab_size=270),
        "task": section("task", task, **changes),
    }
    raw["prepare"]["split"] |= {"validation": 0.2, "test": 0.2}
    raw["prepare"]["contamination"] |= {"max_overlap": 1}
    raw["prepare"]["duplicates"] |= {"near": None}
    raw["prepare"]["quality"] |= {"max_duplicate_10gram_characters": None}
    return build(PrepareSettings, raw, "test")


def made(tmp_path, task, documents=None, **changes):
    chosen = settings(task, **changes)
    raw, folder, work = (tmp_path / name for name in ("raw", PREPARED, "work"))
    for path in (raw, folder, work):
        path.mkdir(parents=True)
    write_shards(raw, documents or DOCUMENTS[task]())
    encoding = encoding_of(chosen.task)
    found = shards(raw)
    prepare(found, folder, work, chosen.prepare, chosen.tokenizer, encoding, SerialPool())
    return folder


RUNTIME = {"device": "cpu", "precision": "fp32", "threads": 1}
MODEL = {"layers": 1, "heads": 2, "width": 32, "context": 128}
TRAIN = {
    "steps": 120,
    "batch_size": 8,
    "micro_batch_size": 8,
    "sequence_length": 32,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "log_every": 20,
    "evaluate_every": 20,
    "checkpoint_every": 20,
    "validation_blocks": 4,
}


def run(task, **changes):
    raw = {
        "model": section("model", "gpt2_nano", **MODEL),
        "task": section("task", task, **changes),
        "train": section("train", "scratch", **TRAIN),
        "runtime": section("runtime", "auto", **RUNTIME),
    }
    train.run(build(train.TrainSettings, raw, "test"))
    raw = {key: raw[key] for key in ("task", "runtime")}
    raw["evaluate"] = section("evaluate", "default", resamples=50, batch_tokens=512)
    evaluate.run(build(evaluate.EvaluateSettings, raw, "test"))


def outputs():
    files = [*REPORTS.rglob("*"), TRAINED / "model.safetensors", TRAINED / "config.json"]
    return {str(path): sha256_of(path) for path in files if path.is_file()}


@pytest.mark.parametrize("task", DOCUMENTS)
def test_a_task_learns_is_measured_and_gives_the_same_bytes_twice(tmp_path, monkeypatch, task):
    monkeypatch.chdir(tmp_path)
    made(tmp_path, task)
    run(task)
    first, metrics = outputs(), read_json(METRICS)
    run(task)
    assert outputs() == first
    assert metrics["accuracy"] > 0.8 > metrics["baselines"]["majority"]["accuracy"]
    assert metrics["accuracy_low"] <= metrics["accuracy"] <= metrics["accuracy_high"]
    best = metrics["macro_f1" if task == "classify" else "entity_f1"]
    assert best > 0.7
    table = pq.read_table(REPORTS / "examples.parquet")
    rows = table.to_pylist()
    assert len(rows) == metrics["documents"]
    # So that `stemma diff` can pair them.
    again = metrics_of(table.to_pydict())
    assert metric_values(metrics) == pytest.approx(
        {name: again[name] for name in metric_values(metrics)}, abs=1e-4
    )
    config = read_json(TRAINED / "config.json")
    assert list(config["label2id"]) == json.loads((PREPARED / "labels.json").read_text())
    if task == "classify":
        assert sum(row["correct"] for row in rows) / len(rows) == pytest.approx(
            metrics["accuracy"], abs=1e-4
        )
        confusion = (REPORTS / "plots/evaluation/confusion.csv").read_text().splitlines()
        assert confusion[0] == "actual,predicted" and len(confusion) == 1 + len(rows)


@pytest.mark.parametrize("task", DOCUMENTS)
def test_dvc_draws_what_the_task_measures(tmp_path, monkeypatch, task):
    monkeypatch.chdir(tmp_path)
    made(tmp_path, task)
    run(task)
    shutil.copy(CONF.parent / "dvc.yaml", "dvc.yaml")
    names = {"task": {"name": task}, "model": {"family": "gpt2"}}
    Path("params.yaml").write_text(yaml.safe_dump(names))
    project = Project(tmp_path)
    for command in ("git init -q", "dvc init -q", "git add dvc.yaml params.yaml reports"):
        project.run(command)
    project.run("git commit -qm Version")
    said = project.run("dvc plots diff HEAD -o drawn").stderr
    assert "could not find" not in said and "failed to load" not in said
    page = (tmp_path / "drawn/index.html").read_text()
    for title in ("Loss (nats per token)", "Learning rate", "Loss of the test split", "majority"):
        assert title in page
    assert ("Classes of the test split" in page) == (task == "classify")
    assert ('"predicted": "tragedies"' in page) == (task == "classify")


def test_labels_stand_beside_the_tokens(tmp_path):
    folder = made(tmp_path, "classify")
    assert json.loads((folder / "labels.json").read_text()) == ["comedies", "tragedies"]
    packed, labels = read_split(folder, "train"), read_labels(folder, "train")
    starts = labels[packed.offsets[:-1]]
    assert labels.dtype == np.int32
    assert np.array_equal(np.repeat(starts, np.diff(packed.offsets)), labels)
    rows = pq.read_table(folder / "manifest.parquet").to_pylist()
    kept = [int(row["id"].split("-")[1]) % 2 for row in rows if row["split"] == "train"]
    assert starts.tolist() == kept


def test_a_tag_stands_at_the_last_token_of_its_word(tmp_path):
    folder = made(tmp_path, "tag")
    names = json.loads((folder / "labels.json").read_text())
    assert names == ["B-LOC", "B-PER", "I-PER", "O"]
    labels = read_labels(folder, "train")
    rows = pq.read_table(folder / "manifest.parquet").to_pylist()
    kept = [row["id"] for row in rows if row["split"] == "train"]
    roles = [part.role for one in tagged() if one.id in kept for part in one.parts]
    assert [names[label] for label in labels if label >= 0] == roles


@pytest.mark.parametrize("rule", ["drop", "truncate", "refuse"])
@pytest.mark.parametrize("task", DOCUMENTS)
def test_a_text_longer_than_max_tokens(tmp_path, task, rule):
    documents = DOCUMENTS[task]()
    long = dataclasses.replace(
        documents[0], id="long", text=f"{documents[0].text} " * 9, parts=documents[0].parts * 9
    )
    arguments = (tmp_path, task, [*documents, long])
    if rule == "refuse":
        with pytest.raises(DataError, match=r"'long' has .* tokens, task\.max_tokens is 128"):
            made(*arguments, max_tokens=128, too_long=rule)
        return
    folder = made(*arguments, max_tokens=128, too_long=rule)
    report = read_json(folder / "data_report.json")
    row = pq.read_table(folder / "manifest.parquet").to_pylist()[-1]
    if rule == "drop":
        assert row["reason"] == "task.max_tokens" and row["split"] is None
        assert report["dropped"]["task.max_tokens"] == {"s" if task == "tag" else "source": 1}
        assert "truncated" not in report
    else:
        assert row["tokens"] == 128 and report["truncated"] == 1


def test_a_label_that_training_lacks_is_refused(tmp_path):
    folder = made(tmp_path / "first", "classify")
    rows = pq.read_table(folder / "manifest.parquet").to_pylist()
    held_out = next(row["id"] for row in rows if row["split"] == "test")
    documents = [
        dataclasses.replace(one, label="masques") if one.id == held_out else one
        for one in classified()
    ]
    with pytest.raises(DataError, match=f"'{held_out}' has the label 'masques', which no training"):
        made(tmp_path / "second", "classify", documents)


@pytest.mark.parametrize(
    ("task", "other", "message"),
    [
        ("classify", "tag", "has no label, which task=classify learns from"),
        ("tag", "classify", "has no words with tags, which task=tag learns from"),
    ],
)
def test_a_source_that_lacks_what_the_task_needs(tmp_path, task, other, message):
    with pytest.raises(DataError, match=message):
        made(tmp_path, task, DOCUMENTS[other]())
