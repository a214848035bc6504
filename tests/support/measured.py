"""Folders that hold what evaluate leaves behind, to be read as versions; nothing is trained."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from stemma.modeling.evaluation.samples import page
from stemma.store.version import Tree
from stemma.versions.contents.formulas import FORMULAS

Columns = dict[str, Any]


def texts(count: int = 40, seed: int = 0, effect: float = 0.0, noise: float = 0.02) -> Columns:
    """Return examples; the documents are the same for every seed, the effect in bits per byte."""
    shared, own = np.random.default_rng(0), np.random.default_rng([seed, 1])
    tokens = shared.integers(50, 3000, count)
    size = tokens * 3
    bits = shared.normal(1.8, 0.2, count) + effect + own.normal(0, noise, count)
    correct = np.floor(tokens * (0.35 - effect / 4 + own.normal(0, noise / 4, count)))
    return {
        "id": [f"doc-{index:03d}" for index in range(count)],
        "tokens": tokens,
        "bytes": size,
        "loss": bits * np.log(2) * size,
        "correct": correct.astype(np.int64),
        "top5": (correct + tokens // 5).astype(np.int64),
    }


def classes(count: int, wrong: Sequence[int]) -> Columns:
    """Return examples of a classifier that is wrong about these documents."""
    labels = np.array(["love", "war"], object)[np.arange(count) % 2]
    right = ~np.isin(np.arange(count), wrong)
    return {
        "id": [f"doc-{index:03d}" for index in range(count)],
        "label": labels,
        "predicted": np.where(right, labels, labels[::-1] if count % 2 == 0 else "sea"),
        "loss": np.where(right, 0.1, 2.0),
        "correct": right,
    }


def without(columns: Columns, *rows: int) -> Columns:
    """Return the examples without some."""
    return {name: np.delete(np.asarray(column), rows) for name, column in columns.items()}


def version(
    folder: Path,
    examples: Mapping[str, Any] | None,
    metrics: Mapping[str, Any] | None = None,
    samples: Sequence[tuple[str, str]] = (),
    evaluate: Mapping[str, Any] | None = None,
) -> Tree:
    """Lay a version out; its metrics follow from its examples unless they are given."""
    reports = folder / "reports"
    reports.mkdir(parents=True)
    if examples is not None:
        pq.write_table(pa.table(dict(examples)), reports / "examples.parquet")
    found = metrics_of(examples) if examples is not None and metrics is None else metrics
    if found is not None:
        (reports / "metrics.json").write_text(json.dumps(found))
    if samples:
        (reports / "samples.md").write_text(page("", samples))
    if evaluate is not None:
        stage = {"cmd": "evaluate", "params": {"params.yaml": dict(evaluate)}}
        lock = {"schema": "2.0", "stages": {"evaluate": stage}}
        (folder / "dvc.lock").write_text(yaml.safe_dump(lock))
    tree = Tree(folder)
    tree.name = folder.name
    return tree


def metrics_of(examples: Mapping[str, Any]) -> dict[str, float]:
    """Return what evaluate would say of examples."""
    arrays = {name: np.asarray(column) for name, column in examples.items()}
    found: dict[str, float] = {"documents": len(arrays["id"])}
    for formulas in FORMULAS:
        if arrays.keys() >= set(formulas.needs):
            sums = formulas.parts(arrays).sum(axis=1)
            for name, value in formulas.values(sums).items():
                found[name] = round(float(value), 4)
                found[f"{name}_low"], found[f"{name}_high"] = found[name], found[name]
    return found
