"""Distances between weights and metrics, and which of them a bound covers."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stemma.store.lock import LockEntry, Stage
from stemma.store.objects import cache_at
from stemma.versions.verification.bounds import Bounds
from stemma.versions.verification.output_files import OutputFiles
from stemma.versions.verification.output_rows import OutputRow, follow, rows_of
from stemma.versions.weights.distance import distance

WEIGHTS = {"a": np.ones((2, 3), np.float32), "b": np.arange(4, dtype=np.float32)}


def put(cache: Path, content: bytes) -> str:
    md5 = hashlib.md5(content).hexdigest()
    path = place(cache, md5)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


def place(cache: Path, key: str) -> Path:
    return cache / "files/md5" / key[:2] / key[2:]


def put_folder(cache: Path, folder: Path, files: dict[str, bytes], weights: dict) -> LockEntry:
    """Put an output with weights into a cache as DVC does."""
    save_file(weights, folder / "x")
    content = files | {"model.safetensors": (folder / "x").read_bytes()}
    listing = [{"md5": put(cache, data), "relpath": name} for name, data in content.items()]
    md5 = f"{put(cache, json.dumps(listing).encode())}.dir"
    place(cache, md5[:-4]).rename(place(cache, md5))
    return LockEntry("models/trained", md5, 0)


def apart(tmp_path: Path, beside: tuple[dict, dict], weights: tuple[dict, dict]) -> OutputRow:
    one, other = tmp_path / "one", tmp_path / "other"
    ours = put_folder(one, tmp_path, beside[0], weights[0])
    theirs = put_folder(other, tmp_path, beside[1], weights[1])
    files = OutputFiles(cache_at(one), cache_at(other), tmp_path / "tree", tmp_path / "tracked")
    stages = [Stage("train", "", (), (out,), {}) for out in (ours, theirs)]
    (row,) = rows_of(stages[0], stages[1], files, Bounds(metric=0.01, weight=0.01))
    return row


def test_the_first_and_the_largest_difference(tmp_path: Path):
    other = {"a": WEIGHTS["a"] + [[0, 0, 0.25], [0, 0, 0]], "b": WEIGHTS["b"] - 1}
    save_file(WEIGHTS, tmp_path / "one")
    save_file({key: value.astype(np.float32) for key, value in other.items()}, tmp_path / "other")
    found = distance({"m.safetensors": tmp_path / "one"}, {"m.safetensors": tmp_path / "other"})
    assert found is not None
    assert (found.first, found.where) == ("a (m.safetensors)", "b (m.safetensors)")
    assert found.largest == 1
    assert found.relative == pytest.approx(2 / 14**0.5)  # ‖1‖ of four numbers, ‖0 1 2 3‖
    assert distance(*[{"m.safetensors": tmp_path / "one"}] * 2) is None


@pytest.mark.parametrize(
    "other",
    [
        {"a": WEIGHTS["a"]},
        WEIGHTS | {"a": WEIGHTS["a"].reshape(3, 2)},
        WEIGHTS | {"a": WEIGHTS["a"].astype(np.float16)},
        WEIGHTS | {"b": WEIGHTS["b"] * np.float32("nan")},
    ],
    ids=["name", "shape", "type", "nan"],
)
def test_no_bound_covers_another_shape_or_no_number(tmp_path: Path, other: dict):
    row = apart(tmp_path, ({}, {}), (WEIGHTS, other))
    assert row.status == "different"
    assert row.weights is not None
    assert row.weights.relative == float("inf")


def test_what_only_describes_may_differ_and_a_tokenizer_may_not(tmp_path: Path):
    near = WEIGHTS | {"a": WEIGHTS["a"] + np.float32(1e-4)}
    facts = {"training.json": b"1"}, {"training.json": b"2"}
    row = apart(tmp_path, facts, (WEIGHTS, near))
    assert row.status == "equivalent"
    assert "bound 0.01" in row.note
    row = apart(tmp_path, ({"tokenizer.json": b"1"}, {"tokenizer.json": b"2"}), (WEIGHTS, near))
    assert row.status == "different"
    assert row.note.endswith("not the same: tokenizer.json")


@pytest.mark.parametrize("suffix", [".dir", ""])
def test_what_is_broken_in_the_cache_is_not_what_the_version_has(tmp_path: Path, suffix: str):
    out = put_folder(tmp_path / "one", tmp_path, {}, WEIGHTS)
    one, other = cache_at(tmp_path / "one"), cache_at(tmp_path / "other")
    files = OutputFiles(one, other, tmp_path / "tree", tmp_path / "tracked")
    expected = files.expected(out)
    assert expected is not None
    broken = place(tmp_path / "one", out.md5) if suffix else expected["model.safetensors"]
    broken.write_bytes(broken.read_bytes()[:-9])
    assert files.expected(out) is None


@pytest.mark.parametrize(
    ("loss", "status"), [(2.01, "equivalent"), (2.1, "different"), ("x", "different")]
)
def test_metrics(tmp_path: Path, loss: object, status: str):
    stages = []
    for name, value in (("tracked", 2.0), ("tree", loss)):
        file = tmp_path / name / "reports/metrics.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"loss": value, "baselines": {"bigram": {"loss": 4}}}))
        stages.append(Stage("evaluate", "", (), (LockEntry("reports/metrics.json", name, 0),), {}))
    cache, own = (cache_at(tmp_path / name) for name in ("cache", "own"))
    files = OutputFiles(cache, own, tmp_path / "tree", tmp_path / "tracked")
    (row,) = rows_of(stages[0], stages[1], files, Bounds(metric=0.01, weight=0.01))
    assert row.status == status
    assert "(loss)" in row.note


def test_only_what_is_made_with_equivalent_weights_follows(tmp_path: Path):
    near = WEIGHTS | {"a": WEIGHTS["a"] + np.float32(1e-4)}
    weights = apart(tmp_path, ({}, {}), (WEIGHTS, near))
    trained = LockEntry("models/trained", "", 0)
    stages = {
        "prepare": Stage("prepare", "", (), (), {}),
        "train": Stage("train", "", (), (), {}),
        "evaluate": Stage("evaluate", "", (trained,), (), {}),
    }
    rows = [
        OutputRow("prepare", "data/prepared", "different", "0", "1"),
        weights,
        OutputRow("train", "reports/plots/training.csv", "different", "0", "1"),
        OutputRow("evaluate", "reports/samples.md", "different", "0", "1"),
    ]
    statuses = [row.status for row in follow(rows, stages)]
    assert statuses == ["different", "equivalent", "follows", "follows"]
