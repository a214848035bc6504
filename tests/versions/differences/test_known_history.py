"""Each version of a known history: every section says what was done, and nothing else."""

import functools
import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import known
import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from stemma.pages import terminal
from stemma.pages.html import html
from stemma.pages.markdown import markdown
from stemma.store.naming import resolve
from stemma.store.version import Version
from stemma.versions.differences import SECTIONS as NAMES
from stemma.versions.verbs.diff import Diff
from stemma.versions.verbs.diff import diff as compare

EFFECTS = ("weights", "metrics", "behaviour")
SECTIONS = {
    ("start", "rewritten"): ("data", "tokenizer", *EFFECTS),
    ("rewritten", "document"): ("data", *EFFECTS),
    ("rewritten", "rate"): ("settings", *EFFECTS),
    ("document", "merged"): ("settings", *EFFECTS),
    ("rate", "merged"): ("data", *EFFECTS),
    ("merged", "deeper"): ("settings", *EFFECTS),
    ("deeper", "merge"): ("settings", "tokenizer", *EFFECTS),
    ("merge", "layer"): EFFECTS,
    ("layer", "package"): ("environment",),
    ("rewritten", "tuned"): ("settings", "tokenizer", *EFFECTS),
    ("tuned", "retuned"): ("settings", *EFFECTS),
}
SETTINGS = {
    ("rewritten", "rate"): ("train.learning_rate", 0.03, 0.2),
    ("document", "merged"): ("train.learning_rate", 0.03, 0.2),
    ("merged", "deeper"): ("model.layers", 1, 2),
    ("deeper", "merge"): ("tokenizer.vocab_size", 400, 401),
    ("tuned", "retuned"): ("model.base.path", "stemma://start", "stemma://tuned"),
}
VERDICTS = {
    ("rewritten", "document"): "The source pieces.jsonl changed: sha256. "
    "Documents (160 → 160): 1 changed. Weights: ",
    ("rewritten", "rate"): "1 setting changed: train.learning_rate 0.03 → 0.2. Weights: ",
    ("merged", "deeper"): "1 setting changed: model.layers 1 → 2. Weights: ",
    ("deeper", "merge"): "1 setting changed: tokenizer.vocab_size 400 → 401. Tokenizer: 1 merge is "
    "new; 1 vocabulary entry is new; the test text takes ",
    ("merge", "layer"): "Weights: only layer 1 changed (relative change 0.5); ",
    ("layer", "package"): "Another environment: gguf 0.19.0 → 0.19.1.",
    ("tuned", "retuned"): "1 setting changed: model.base.path stemma://start → stemma://tuned. "
    "Weights: every tensor changed (relative change ",
}
pairs = pytest.mark.parametrize("pair", SECTIONS, ids=" → ".join)


@pytest.fixture(scope="module")
def diff(history: Path) -> Callable[[tuple[str, str]], Diff]:
    return functools.cache(lambda pair: compare(*pair, root=history))


@pytest.fixture(scope="module")
def version(history: Path) -> Callable[[str], Version]:
    return functools.cache(lambda name: resolve(name, history))


def facts_of(report: Diff) -> dict[str, Any]:
    """Return the facts by section, as --json has them."""
    return json.loads(json.dumps(report.facts(), allow_nan=False))["sections"]


def texts(history: Path, tag: str, name: str) -> dict[str, str]:
    shown = subprocess.run(
        ["git", "-C", str(history), "show", f"{tag}:data/input/{name}"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return {row["name"]: row["text"] for row in map(json.loads, shown.splitlines())}


def weights(version: Version) -> dict[str, np.ndarray]:
    files = (file for file in version.files("models/trained") if file.endswith(".safetensors"))
    paths = (version.path("models/trained", file) for file in files)
    return {name: tensor for path in paths for name, tensor in load_file(path).items()}


def examples(version: Version) -> dict[str, dict[str, Any]]:
    raw = version.read("reports/examples.parquet")
    assert raw
    return {row["id"]: row for row in pq.read_table(io.BytesIO(raw)).to_pylist()}


@pairs
def test_the_sections_are_those_of_the_change(diff, pair):
    report = diff(pair)
    assert tuple(section.name for section in report.sections) == SECTIONS[pair]
    assert report.missing == {}
    assert all(section.facts and section.words and section.blocks for section in report.sections)
    assert VERDICTS.get(pair, "") in report.verdict
    assert report.verdict.endswith(".")
    # What does not differ is told to be equal; nobody has voted.
    equal = [name for name in NAMES if name not in (*SECTIONS[pair], "votes")]
    assert report.remark == f"Equal: {', '.join(equal)}. Nothing to compare: votes."
    assert report.facts()["equal"] == equal


@pytest.mark.parametrize("pair", SETTINGS, ids=" → ".join)
def test_settings_are_the_one_that_was_changed(diff, pair):
    key, before, after = SETTINGS[pair]
    assert facts_of(diff(pair))["settings"] == {key: {"a": before, "b": after, "in": "both"}}


def test_the_environment_is_the_one_package(diff):
    name, before, after = known.PACKAGE
    assert facts_of(diff(("layer", "package"))) == {
        "environment": {name: {"a": before, "b": after}}
    }


@pytest.mark.parametrize("pair", [("rewritten", "document"), ("rate", "merged")], ids=" → ".join)
def test_one_document_changed(history, diff, pair):
    data = facts_of(diff(pair))["data"]
    before, after = (texts(history, tag, "pieces.jsonl") for tag in pair)
    assert [name for name in before if before[name] != after[name]] == [known.CHANGED]
    (similarity,) = data["changed"].values()
    assert list(data["changed"]) == [known.CHANGED]
    assert 0.5 < similarity < 1
    assert data["documents"] == {"a": len(before), "b": len(after)}
    (source,) = data["sources"].items()
    assert (source[0], source[1]["changed"]) == ("pieces.jsonl", ["sha256"])
    for key in ("added", "removed", "masked_otherwise", "moved", "alike"):
        assert data[key] == [], key
    for key in ("renamed", "splits", "by_source"):
        assert data[key] == {}, key
    assert data["shift"]["length"]["kolmogorov_smirnov"] == 0
    assert data["shift"]["languages"]["jensen_shannon"] == 0
    page = markdown(diff(pair).page())
    assert all(swapped in page for swapped in known.SWAP), "what it said, and says"


def test_all_documents_rewritten(history, diff):
    data = facts_of(diff(("start", "rewritten")))["data"]
    assert set(data["removed"]) == set(texts(history, "start", "scenes.jsonl"))
    assert set(data["added"]) == set(texts(history, "rewritten", "pieces.jsonl"))
    assert data["changed"] == data["renamed"] == {}
    assert data["moved"] == data["masked_otherwise"] == []
    sides = {name: (one["a"], one["b"]) for name, one in data["sources"].items()}
    assert sides["scenes.jsonl"][1] is None
    assert sides["pieces.jsonl"][0] is None
    assert list(sides) == ["scenes.jsonl", "pieces.jsonl"]


def test_one_merge_of_the_tokenizer(diff, version):
    pair = ("deeper", "merge")
    found = facts_of(diff(pair))["tokenizer"]
    model, other = (
        json.loads(version(tag).path("data/prepared", "tokenizer/tokenizer.json").read_bytes())[
            "model"
        ]
        for tag in pair
    )
    *kept, new = other["merges"]
    assert kept == model["merges"]
    fertility = found.pop("fertility")
    assert found == {"merges_added": [new], "entries_added": ["".join(new)]}
    paths = [version(tag).path("data/prepared", "test.tokens.npy") for tag in pair]
    documents = len(examples(version("merge")))
    assert fertility["documents"] == documents
    assert fertility["tokens"] == [len(np.load(path)) - documents for path in paths]


@pairs
def test_weights_are_what_the_files_hold(diff, version, pair):
    if "weights" not in SECTIONS[pair]:
        assert version(pair[0]).files("models/trained") == version(pair[1]).files("models/trained")
        return
    found = facts_of(diff(pair))["weights"]
    before, after = (weights(version(tag)) for tag in pair)
    both = [name for name in before if name in after]
    shaped = [name for name in both if before[name].shape == after[name].shape]
    changed = [name for name in shaped if (before[name] != after[name]).any()]
    assert sorted(fact["tensor"] for fact in found["changed"]) == sorted(changed)
    assert found["same"] == len(shaped) - len(changed)
    assert found["added"] == sorted(after.keys() - before.keys())
    assert found["removed"] == sorted(before.keys() - after.keys())
    assert found["shapes"] == {
        name: [list(before[name].shape), list(after[name].shape)]
        for name in both
        if name not in shaped
    }
    for fact in found["changed"]:
        a, b = (side[fact["tensor"]].astype(np.float64) for side in (before, after))
        assert fact["changed"] == (a != b).mean()
        if a.any():
            apart = np.linalg.norm(b - a) / np.linalg.norm(a)
            assert fact["relative"] == pytest.approx(apart, 1e-5)
            assert -1 <= fact["cosine"] <= 1
        else:
            assert fact["relative"] is fact["cosine"] is None


def test_one_layer_is_that_layer(diff, version):
    found = facts_of(diff(("merge", "layer")))["weights"]
    names = [name for name in weights(version("layer")) if name.startswith(known.LAYER)]
    changed = [fact["tensor"] for fact in found["changed"]]
    assert set(changed) <= set(names) and len(changed) >= 4
    assert {fact["layer"] for fact in found["layers"]} == {"1"}
    assert all(fact["relative"] == pytest.approx(0.5) for fact in found["changed"])


@pairs
def test_figures_are_those_of_the_reports(diff, version, pair):
    if "metrics" not in SECTIONS[pair]:
        assert version(pair[0]).read("reports/metrics.json") == version(pair[1]).read(
            "reports/metrics.json"
        )
        return
    found = facts_of(diff(pair))["metrics"]
    sides = [json.loads(version(tag).read("reports/metrics.json")) for tag in pair]
    for side, given in zip("ab", sides, strict=True):
        assert found["headline"][side]
        assert all(given[name] == value for name, value in found["headline"][side].items())
    one, other = (examples(version(tag)) for tag in pair)
    if pair == ("start", "rewritten"):
        assert (found["pairs"], found["tested"]) == (0, {})
        assert (found["only_a"], found["only_b"]) == (list(one), list(other))
        return
    assert one.keys() == other.keys()
    assert found["pairs"] == len(one)
    assert found["only_a"] == found["only_b"] == found["changed"] == []
    assert found["texts_compared_by_hash"]
    assert found["measuring"] == {}
    retokenised = "tokenizer" in SECTIONS[pair]
    assert set(found["tested"]) == (
        {"bits_per_byte"} if retokenised else set(found["headline"]["a"])
    )
    for name, tested in found["tested"].items():
        assert tested["a"] == pytest.approx(sides[0][name], abs=6e-5)
        assert tested["b"] == pytest.approx(sides[1][name], abs=6e-5)
        assert tested["low"] <= tested["difference"] <= tested["high"]


@pairs
def test_behaviour_is_that_of_the_examples(diff, version, pair):
    sides = [version(tag) for tag in pair]
    answers = [side.read("reports/samples.md") for side in sides]
    if "behaviour" not in SECTIONS[pair]:
        assert examples(sides[0]) == examples(sides[1]) and answers[0] == answers[1]
        return
    found = facts_of(diff(pair))["behaviour"]
    assert ("prompts" in found) == (answers[0] != answers[1])
    one, other = (
        {name: row["loss"] / row["bytes"] / np.log(2) for name, row in examples(side).items()}
        for side in sides
    )
    if pair == ("start", "rewritten"):
        assert one.keys().isdisjoint(other) and "documents" not in found
        return
    change = {name: other[name] - one[name] for name in one}
    documents = found["documents"]
    assert documents["worse"] == sum(value > 0 for value in change.values())
    assert documents["better"] == sum(value < 0 for value in change.values())
    worst = sorted((name for name in change if change[name] > 0), key=lambda name: -change[name])
    assert [row["id"] for row in documents["most_worse"]] == worst[:5]


@pairs
def test_every_format_has_these_sections(diff, pair, capsys):
    report, wanted = diff(pair), SECTIONS[pair]
    headings = re.findall(r"^### (\w+)$", markdown(report.page()), re.M)
    assert tuple(heading.lower() for heading in headings) == wanted
    assert tuple(re.findall(r'<section id="(\w+)">', html(report.page()))) == ("verdict", *wanted)
    terminal.show(report.page())
    rules = re.findall(r"^(\w+) ─", capsys.readouterr().out, re.M)
    assert tuple(rules) == (*wanted, "verdict")
