"""Every gate lets pass what it should and refuses what it should, with the evidence."""

import json
from pathlib import Path
from typing import Any

import pytest
from prepared import row
from refusing import refused, run
from released import ROWS, Released

from stemma.registry.criteria import names

LEAKING = {"contamination": {"ngram": 13, "test": {"ngrams": 1000, "ngrams_in_train": 60}}}
TWIN = row("doc-200", "a text", split="train")
NOT_WORSE = {"metrics": {"bits_per_byte": 0.02}}
# By gate: its settings, a version that passes, one that does not, and what is said of that.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "not_worse": (NOT_WORSE, {"effect": -0.05}, {"effect": 0.1}, "worse by more than the margin"),
    "few examples": (
        NOT_WORSE,
        {"effect": -0.1, "count": 8},
        {"count": 8, "seed": 2},
        "8 examples cannot tell, it takes about",
    ),
    "too few": (
        NOT_WORSE,
        {},
        {"count": 5},
        "fewer than 6 documents are the same in the test split of both",
    ),
    "limits": (
        {"metrics": {"bits_per_byte": {"max": 1.9}, "top1_accuracy": {"min": 0.2}}},
        {},
        {"effect": 0.3},
        "at most 1.9 is asked",
    ),
    "unknown metric": (
        {"metrics": {"bits_per_byte": {"max": 2.5}}},
        {},
        {"metrics": {"loss": 1.0}},
        "the version has no such metric",
    ),
    "safe_files": (
        {"also": [".txt"]},
        {"exported": {"notes.txt": b"hello"}},
        {"exported": {"pytorch_model.bin": b"\x80\x04"}},
        "pytorch_model.bin: .bin is not known to be harmless",
    ),
    "a pickle by another name": (
        {"also": []},
        {},
        {"exported": {"weights.safetensors": b"\x80\x04K"}},
        "weights.safetensors: it holds no tensors",
    ),
    "remote code": (
        {"also": []},
        {},
        {"config": {"auto_map": {"AutoModel": "modeling.Mine"}}},
        "auto_map names code that a loader would run",
    ),
    "licences": (
        {"allowed": ["cc0-*", "MIT"]},
        {"source": {"license": "MIT"}},
        {"source": {"license": "CC-BY-NC-4.0"}},
        "plays: CC-BY-NC-4.0 is not on the list",
    ),
    "no licence": (
        {"allowed": ["*"]},
        {},
        {"source": {"license": ""}},
        "plays: no licence is not on the list",
    ),
    "contamination": (
        {"overlap": 0.05, "duplicates": 0.0},
        {},
        {"report": LEAKING},
        "test: 6.00% of 13-grams",
    ),
    "duplicates": (
        {"overlap": 0.05, "duplicates": 0.5},
        {},
        {"rows": [*ROWS, TWIN]},
        "100.00% of documents stand in train too",
    ),
}
GATES = {
    "few examples": "not_worse",
    "too few": "not_worse",
    "unknown metric": "limits",
    "a pickle by another name": "safe_files",
    "remote code": "safe_files",
    "no licence": "licences",
    "duplicates": "contamination",
}


def outcome(project: Released, gate: str, version: str) -> dict[str, Any]:
    """Return what a gate says of a version that is to go to prod."""
    told = project.json("gates", version, "--stage", "prod")["gates"]
    return next(one for one in told if one["gate"] == gate)


@pytest.mark.parametrize("case", CASES)
def test_lets_pass_and_refuses(tmp_path: Path, case: str):
    settings, good, bad, said = CASES[case]
    gate = GATES.get(case, case)
    made = Released(tmp_path / "project")
    made.in_prod(count=8 if case == "few examples" else 200, seed=1)
    made.settings({gate: settings})
    made.git("commit", "-qam", "a gate")
    found = outcome(made, gate, made.candidate(**good))
    assert found["passed"], found
    version = made.candidate(**bad)
    found = outcome(made, gate, version)
    assert not found["passed"] and said in found["evidence"], found
    done = run(made.root, "promote", version, "prod")
    assert done.exit_code == 1 and f"REFUSED {gate}" in done.stdout


def test_few_examples_name_the_number_that_decides(tmp_path: Path):
    few = Released(tmp_path / "few", {"not_worse": NOT_WORSE})
    few.in_prod(count=8, seed=1)
    found = outcome(few, "not_worse", few.candidate(count=8, seed=2))
    needed = found["facts"]["metrics"]["bits_per_byte"]["examples_needed"]
    assert 8 < needed < 200 and f"it takes about {needed}" in found["evidence"]
    # And that number does: no worse in truth, it passes.
    more = Released(tmp_path / "more/project", {"not_worse": NOT_WORSE})
    more.in_prod(count=needed, seed=1)
    assert outcome(more, "not_worse", more.candidate(count=needed, seed=2))["passed"]


def test_fairness_names_the_group_that_is_behind(tmp_path: Path):
    settings = {
        "metric": "bits_per_byte",
        "slices": ["label"],
        "margin": 0.1,
        "fewest": 6,
        "but": [],
    }
    made = Released(tmp_path / "project", {"fairness": settings})
    labels = ["a" if n % 4 else "b" for n in range(200)]
    made.make(columns={"label": labels})
    name = made.json("register")["version"]
    assert outcome(made, "fairness", name)["passed"]
    made.make(columns={"label": labels}, slower={"b": 0.4})
    found = outcome(made, "fairness", made.json("register")["version"])
    assert not found["passed"] and "label b:" in found["evidence"], found
    assert set(found["facts"]["label"]) == {"a", "b"}


def test_fairness_of_what_the_manifest_knows(tmp_path: Path):
    settings = {"metric": "bits_per_byte", "slices": ["language", "colour"], "margin": 9.0}
    made = Released(tmp_path / "project", {"fairness": {**settings, "fewest": 6, "but": []}})
    rows = [row(f"doc-{n:03d}", f"{n}", split="test", language="el") for n in range(3)]
    rows += [row(f"doc-{n:03d}", f"{n}", split="test", language="en") for n in range(3, 200)]
    made.make(rows=rows)
    found = outcome(made, "fairness", made.json("register")["version"])
    assert "language en" in found["evidence"]
    assert "1 groups have fewer than 6 examples" in found["evidence"]
    assert not found["passed"] and "have a column colour" in found["evidence"]


def test_revoked_documents(tmp_path: Path):
    made = Released(tmp_path / "project", {"not_revoked": {}})
    made.make()
    name = made.json("register")["version"]
    assert outcome(made, "not_revoked", name)["passed"]
    made.run("forget", "doc-100", "--why", "consent withdrawn")
    found = outcome(made, "not_revoked", name)
    assert not found["passed"]
    assert found["evidence"] == "doc-100 in train (consent withdrawn)"


def test_verdicts(tmp_path: Path):
    made = Released(tmp_path / "project", {"verified": {"verdicts": ["exact"]}})
    commit = made.make()
    name = made.json("register")["version"]
    assert "nobody has verified it: `stemma verify" in outcome(made, "verified", name)["evidence"]
    for number, (verdict, passed) in enumerate(
        [("exact", True), ("equivalent", False), ("different", False), ("exact", True)]
    ):
        note = {
            "time": f"2026-01-0{number + 1}T00:00:00+00:00", "verdict": verdict, "by": "ada",
            "machine": "m", "metric_bound": 0.01, "weight_bound": 0.05,
        }  # fmt: skip
        made.git("notes", "--ref", "stemma/verified", "append", "-m", json.dumps(note), commit)
        found = outcome(made, "verified", name)
        assert found["passed"] is passed and verdict in found["evidence"], "the last counts"


def test_descendants_of_a_recalled_version(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.make(seed=7)
    parent = made.json("register")["version"]
    made.make(base=7)
    child = made.json("register")["version"]
    assert outcome(made, "not_recalled", child)["passed"]
    made.run("recall", parent, "--why", "leaks")
    found = outcome(made, "not_recalled", child)
    assert not found["passed"]
    assert found["evidence"] == "it descends from lm@v1.0.0, which is recalled: leaks"


OWN = """
def polite(case, share):
    return share > 0.5, f"{share:.0%} are polite, {case.version.name}"

def broken(case):
    return 1
"""


def test_a_gate_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "our_gates.py").write_text(OWN)
    gate = {"_target_": "our_gates.polite", "share": 0.7}
    made = Released(tmp_path / "project", {"polite": gate})
    made.make()
    name = made.json("register")["version"]
    found = outcome(made, "polite", name)
    assert found == {
        "gate": "polite", "passed": True, "evidence": "70% are polite, lm@v1.0.0", "facts": {},
    }  # fmt: skip
    made.settings({"polite": gate | {"share": 0.1}})
    assert not outcome(made, "polite", name)["passed"]
    made.settings({"polite": {"_target_": "our_gates.broken"}})
    line = refused(made.root, "gates", name, "--stage", "prod", "--json")
    assert "our_gates.broken does not answer as a gate does" in line
    made.settings({"polite": {"_target_": "our_gates.rude"}})
    line = refused(made.root, "gates", name, "--stage", "prod")
    assert "polite._target_ is 'our_gates.rude', which cannot be imported" in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("stages: {prod: {promotes_from: null, approvals: 0, gates: {nice: {}}}}", "gate 'nice'"),
        ("stages: {prod: {promotes_from: dev, approvals: 0, gates: {}}}", "'dev', which is no"),
        ("stages: {prod: {promotes_from: prod, approvals: 0, gates: {}}}", "in a circle"),
        ("stages: {prod: {promotes_from: null, approvals: -1, gates: {}}}", "approvals"),
        ("stages: {prod: {promotes_from: null, gates: {}}}", "missing key 'stages.prod.approvals'"),
        ("stages: {}\ncolour: red", "unknown key 'colour'"),
        ("stages: {}", "conf/registry.yaml names no stage"),
        ("stages: [", "registry.yaml"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, content: str, said: str):
    made = Released(tmp_path / "project")
    made.make()
    made.run("register")
    (made.root / "conf/registry.yaml").write_text(f"require: none\nkeys: []\n{content}\n")
    assert said in refused(made.root, "gates", "v1.0.0", "--stage", "prod")


def test_a_wrong_setting_of_a_gate_stops_before_any_is_asked(tmp_path: Path):
    made = Released(
        tmp_path / "project", {"safe_files": {"also": []}, "limits": {"metrics": {}, "min": 3}}
    )
    made.make()
    made.run("register")
    line = refused(made.root, "gates", "v1.0.0", "--stage", "prod")
    assert "conf/gates" in line and "'limits.min'" in line


def test_a_torn_file_is_a_refusal_and_the_others_are_asked(tmp_path: Path):
    made = Released(
        tmp_path / "project", {"licences": {"allowed": ["*"]}, "safe_files": {"also": []}}
    )
    made.make(raw=b"{torn")
    made.run("register")
    told = made.json("gates", "v1.0.0", "--stage", "prod")["gates"]
    found = {one["gate"]: one for one in told}
    assert not found["licences"]["passed"] and "it cannot be told" in found["licences"]["evidence"]
    assert found["safe_files"]["passed"]


def test_the_list_names_every_gate(tmp_path: Path):
    told = json.loads(run(tmp_path, "gates", "--list", "--json").stdout)
    assert list(told) == names()
    assert all(line.endswith(".") for line in told.values())


def test_without_a_stage_what_depends_on_none(tmp_path: Path):
    made = Released(tmp_path / "project", {"not_worse": NOT_WORSE, "safe_files": {"also": []}})
    made.make()
    made.run("register")
    told = [one["gate"] for one in made.json("gates", "v1.0.0")["gates"]]
    assert told == ["not_recalled", "safe_files"]


def test_the_gates_of_an_assignment(tmp_path: Path):
    made = Released(tmp_path / "project", {"not_worse": NOT_WORSE})
    made.in_prod()
    made.run("promote", made.candidate(-0.05), "prod")
    found = made.json("gates", "--tag", "lm#prod#4")
    assert (found["name"], found["incumbent"], found["stage"]) == ("lm@v1.1.0", "lm@v1.0.0", "prod")
    assert "assigns no version" in refused(made.root, "gates", "--tag", "lm#prod#9")
    assert "which version?" in refused(made.root, "gates")


def test_a_header_may_be_as_long_as_the_first_byte_of_a_pickle_says(tmp_path: Path):
    """The first bytes of safetensors are the length of the header, here 0x80."""
    made = Released(tmp_path / "project", {"safe_files": {"also": []}})
    header = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})
    raw = (128).to_bytes(8, "little") + header.ljust(128).encode() + b"x"
    made.make(exported={"weights.safetensors": raw})
    found = outcome(made, "safe_files", made.json("register")["version"])
    assert found["passed"], found


def test_groups_of_another_kind_are_told_and_not_judged(tmp_path: Path):
    settings = {"metric": "bits_per_byte", "slices": ["label"], "margin": 0.1, "fewest": 6}
    made = Released(tmp_path / "project", {"fairness": settings | {"but": ["b*"]}})
    made.make(columns={"label": ["a" if n % 4 else "b" for n in range(200)]}, slower={"b": 0.4})
    found = outcome(made, "fairness", made.json("register")["version"])
    assert found["passed"] and "not judged" in found["evidence"], found
