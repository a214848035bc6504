"""Files of a version are read where its dvc.yaml says that they are."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from history import History, json_bytes
from measured import metrics_of, texts

from stemma.store.naming import resolve
from stemma.versions.contents.examples import read_examples
from stemma.versions.contents.manifest import has_manifest, read
from stemma.versions.contents.measured import export_matches, metrics_match
from stemma.versions.contents.metrics import read_metrics
from stemma.versions.contents.samples import read_samples
from stemma.versions.contents.sources import read_sources
from stemma.versions.contents.tokenizer import find
from stemma.versions.history.records import records

PIPELINE = """\
stages:
  all:
    cmd: make
    outs: [in/raw, in/clean, out/model, out/served]
    metrics: [eval/scores.json: {cache: false}]
artifacts:
  raw: {path: in/raw, type: dataset, labels: [raw]}
  clean: {path: in/clean, type: dataset, labels: [prepared]}
  model: {path: out/model, type: model, labels: [trained]}
  served: {path: out/served, type: model, labels: [exported]}
  rows: {path: eval/rows.parquet, type: evaluation, labels: [examples]}
  said: {path: eval/said.md, type: evaluation, labels: [samples]}
  notes: {path: eval/notes.json, type: evaluation, labels: [measured]}
"""
SOURCE = {"name": "plays", "license": "MIT", "origin": "here"}


def test_another_layout_is_read_as_ours_is(tmp_path: Path) -> None:
    history = History(tmp_path / "h")
    examples, evaluation = texts(), history.root / "eval"
    evaluation.mkdir()
    (history.root / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (evaluation / "scores.json").write_text(json.dumps(metrics_of(examples)), encoding="utf-8")
    pq.write_table(pa.table(examples), evaluation / "rows.parquet")
    (evaluation / "said.md").write_text("## A\n\n```text\nsaid\n```\n", encoding="utf-8")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "manifest")
    outputs = {
        "in/raw": {"sources.json": json_bytes({"sources": [SOURCE]})},
        "in/clean": {
            "manifest.parquet": (tmp_path / "manifest").read_bytes(),
            "tokenizer/tokenizer.json": b"{}",
        },
        "out/model": {"model.safetensors": b"1"},
    }
    weights = resolve(history.commit(outputs), history.root).lock.outs["out/model"][0]
    (evaluation / "notes.json").write_text(json.dumps({"weights": weights}), encoding="utf-8")
    history.commit({**outputs, "out/served": {"manifest.json": json_bytes({"trained": "x"})}})
    version = resolve("HEAD", history.root)
    assert read_metrics(version) == metrics_of(examples)
    read_back = read_examples(version)
    assert read_back
    assert read_back["id"].tolist() == examples["id"]
    assert read_samples(version) == {"A": "said"}
    assert read_sources(version)["plays"]["license"] == "MIT"
    assert has_manifest(version)
    assert read(version, ["id"])["id"].to_pylist() == ["a"]
    tokenizer = find(version)
    assert tokenizer
    assert tokenizer.files["tokenizer.json"][0] == "in/clean"
    assert metrics_match(version) is True
    assert export_matches(version) is False
    newest, oldest = records(["HEAD"], history.root)
    assert newest.metrics == metrics_of(examples)
    assert newest.metrics_match is True
    assert newest.examples
    assert oldest.metrics_match is None
