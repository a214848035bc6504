"""Statements on a version: true of its bytes, held by in-toto's schema, linked by digests."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from project import Project
from refusing import refused, run
from released import Released, weights_of

from stemma.files import sha256_of
from stemma.registry import attest
from stemma.registry.provenance.statements import StatementError, line_of, statement


def listing(folder: Path) -> str:
    """Return the dirHash of a folder, as the specification's shell line computes it."""
    lines = "".join(
        f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).as_posix())
        if path.is_file() and path.name != "observed.json"
    )
    return hashlib.sha256(lines.encode()).hexdigest()


def test_a_real_version_by_the_bytes_of_all_its_stages(project: Project) -> None:
    project.run("stemma register --version 1.0.0 --local")
    root = project.path
    found = attest("v1.0.0", root=root)
    assert found.missing == {}
    (made,) = found.statements
    assert made["predicateType"] == "https://slsa.dev/provenance/v1"
    definition = made["predicate"]["buildDefinition"]
    stages = definition["internalParameters"]["stages"]
    lock = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    assert [one["name"] for one in stages] == [*lock]
    for stage in stages:
        told = lock[stage["name"]]
        assert (stage["command"], stage["params"]) == (told["cmd"], told.get("params", {}))
        assert [one["name"] for one in stage["materials"]] == [one["path"] for one in told["deps"]]
        for one in [*stage["materials"], *stage["products"]]:
            digest, path = one["digest"], root / one["name"]
            if path.is_file():
                assert digest["sha256"] == sha256_of(path), path
            elif not {"conf", "data/input"} & {one["name"]} and "src" not in path.parts:
                assert digest["dirHash"] == listing(path), path
            assert {"sha256", "dirHash"} & {*digest}, one
    subjects = {one["name"]: one["digest"] for one in made["subject"]}
    model = root / "models/exported"
    weights = subjects["models/exported/model.safetensors"]
    assert weights == {"sha256": sha256_of(model / "model.safetensors")}
    assert subjects["models/exported"]["dirHash"] == listing(model)
    source = definition["resolvedDependencies"][0]["digest"]
    assert source == {"gitCommit": project.run("git rev-parse HEAD").stdout.strip()}
    # It does not depend on who makes it, or on the name.
    project.run("git tag -a lm@v2.0.0 -m other")
    assert line_of(attest("v2.0.0", root=root).statements[0]) == line_of(made)


@pytest.fixture
def released(tmp_path: Path) -> Released:
    return Released(tmp_path / "project", {"safe_files": {"also": []}})


def inputs(made: dict) -> dict[str, dict]:
    """Return what a statement says went into the version, by name."""
    told = made["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {one["name"]: one for one in told}


def descend(released: Released, origin: dict, seed: int = 50) -> str:
    """Commit a version that started from others, as base.json says; return its commit."""
    model = {"config.json": b"{}", "model.safetensors": weights_of(seed)}
    base = {"base.json": json.dumps(origin).encode(), "model.safetensors": weights_of(1)}
    return released.commit({"models/base": base, "models/exported": model})


def test_decisions_are_linked_to_the_version_by_digests(released: Released) -> None:
    released.in_prod()
    found = attest("v1.0.0", root=released.root).statements
    made, prod = found[0], found[-1]
    asked = [one["predicate"].get("passedTests", ["-"])[0] for one in found[1:]]
    assert asked == ["not_recalled", "-", "not_recalled", "promoted_from", "safe_files", "-"]
    result = found[-2]
    assert result["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert result["predicate"]["result"] == "PASSED"
    assert "3 files, the weights in safetensors" in result["predicate"]["stemma:evidence"]
    (asks,) = result["predicate"]["configuration"]
    assert asks["name"] == "conf/registry.yaml#prod" and len(asks["digest"]["sha256"]) == 64
    summary = prod["predicate"]
    assert summary["resourceUri"] == "stemma://lm@v1.0.0"
    assert summary["verifiedLevels"] == ["STEMMA_PROD"]
    assert summary["stemma:decision"]["by"] == "Test"
    named = {one["digest"]["sha256"] for one in summary["inputAttestations"]}
    lines = [hashlib.sha256(line_of(one).encode()).hexdigest() for one in (made, result)]
    assert {*lines} <= named
    (whole, *_) = made["subject"]
    assert prod["subject"][0]["digest"]["dirHash"] == whole["digest"]["dirHash"]
    # The time is that of the tag.
    time = released.git("for-each-ref", "--format=%(taggerdate:iso-strict)", "refs/tags/lm#prod#*")
    assert summary["timeVerified"][:10] == time[:10]


def test_a_forced_decision_failed(released: Released) -> None:
    name = released.candidate(exported={"run.py": b"import os\n"})
    released.run("promote", name, "prod", "--force", "--why", "a demo")
    *_, prod = attest(name, root=released.root).statements
    assert prod["predicate"]["verificationResult"] == "FAILED"
    assert prod["predicate"]["verifiedLevels"] == ["FAILED"]
    assert prod["predicate"]["stemma:decision"]["why"] == "a demo"
    results = attest(name, root=released.root).statements[:-1]
    failed = [one["predicate"].get("failedTests") for one in results]
    assert ["safe_files"] in failed


def test_a_version_names_the_statements_of_those_it_started_from(released: Released) -> None:
    first = released.make()
    middle = descend(released, {"kind": "path", "origin": "stemma://a", "version": first})
    parents = [{"origin": "stemma://b", "version": middle}, {"origin": "hf://x/y", "version": "1"}]
    ancestor = {"origin": "stemma://a", "version": first}
    descend(released, {"kind": "merged", "parents": parents, "ancestor": ancestor}, 60)
    released.run("register", "--local", "--version", "3.0.0")
    found = attest("v3.0.0", root=released.root).statements
    assert len(found) == 3
    hashes = [hashlib.sha256(line_of(one).encode()).hexdigest() for one in found]
    named = inputs(found[0])
    assert named["stemma://b"]["digest"] == {"gitCommit": middle, "sha256": hashes[1]}
    assert named["stemma://a"]["digest"] == {"gitCommit": first, "sha256": hashes[2]}
    assert named["hf://x/y"]["annotations"] == {"version": "1"}
    assert inputs(found[1])["stemma://a"]["digest"]["sha256"] == hashes[2]


def test_what_is_nowhere_is_named_by_its_md5(released: Released) -> None:
    first = released.make(raw=b"lost")
    second = descend(released, {"kind": "path", "origin": "stemma://a", "version": first})
    released.run("register", "--local", "--version", "3.0.0")
    descend(released, {"kind": "path", "origin": "stemma://b", "version": second}, 55)
    released.run("register", "--local", "--version", "5.0.0")
    for folder in (released.root / ".dvc/cache", released.store):
        lost = hashlib.md5(b"lost").hexdigest()
        (folder / "files/md5" / lost[:2] / lost[2:]).unlink()
    descended, below = attest("v3.0.0", root=released.root).statements
    named = inputs(descended)["stemma://a"]
    assert named["digest"] == {"gitCommit": first}
    assert named["annotations"]["missing"].startswith("data/raw: ")
    # Nor does a version further down name a statement that would be another elsewhere.
    near = inputs(attest("v5.0.0", root=released.root).statements[0])["stemma://b"]
    assert (
        "sha256" not in near["digest"] and "stemma://a: data/raw" in near["annotations"]["missing"]
    )
    (stage,) = below["predicate"]["buildDefinition"]["internalParameters"]["stages"]
    raw = next(one for one in stage["products"] if one["name"] == "data/raw")
    assert [*raw["digest"]] == ["dvcDir"] and "missing" in raw["annotations"]
    gone = descend(released, {"kind": "path", "origin": "stemma://z", "version": "0" * 40}, 70)
    released.run("register", gone, "--local", "--version", "4.0.0")
    (alone,) = attest("v4.0.0", root=released.root).statements
    assert "is not in this repository" in json.dumps(alone)


def test_bytes_of_the_cache_that_are_others_are_not_attested(released: Released) -> None:
    released.make(raw=b"good")
    released.run("register", "--local")
    released.object(hashlib.md5(b"good").hexdigest()).write_bytes(b"evil")
    found = attest("v1.0.0", root=released.root)
    assert [*found.missing] == ["data/raw"] and "torn" in found.missing["data/raw"]
    done = run(released.root, "attest", "v1.0.0")
    assert "Not stated in full: data/raw: " in done.stderr
    weights = hashlib.md5(weights_of(1)).hexdigest()
    released.object(weights).write_bytes(b"evil")
    assert "models/exported/model.safetensors" in refused(released.root, "attest", "v1.0.0")


def test_what_git_has_otherwise_is_said(project: Project) -> None:
    (project.path / "environment.lock").write_text("other")
    project.run("git commit -qam other")
    project.run("git tag -a lm@v3.0.0 -m other")
    found = attest("v3.0.0", root=project.path)
    assert [*found.missing] == ["environment.lock"]
    assert found.missing["environment.lock"].startswith("Git has another than dvc.lock names")


def test_a_decision_that_is_not_the_versions_is_not_stated(released: Released) -> None:
    released.in_prod()
    released.git("tag", "-a", "lm#prod#9", "-m", "past the gates")
    found = attest("v1.0.0", root=released.root)
    assert "went past `stemma promote`" in found.missing["lm#prod#9"]
    before = [one["predicate"].get("verificationResult") for one in found.statements]
    assert before.count("PASSED") == 2


def test_without_the_package_one_line(released: Released, monkeypatch: pytest.MonkeyPatch) -> None:
    released.make()
    released.run("register", "--local")
    monkeypatch.setitem(sys.modules, "in_toto_attestation.v1", None)
    line = refused(released.root, "attest", "v1.0.0")
    assert "`in-toto-attestation`, which is not installed" in line and "[registry]" in line


def test_a_manifest_that_names_other_bytes_is_refused(released: Released) -> None:
    listed = {"files": [{"path": "config.json", "bytes": 1, "sha256": "0" * 64}]}
    released.make(exported={"manifest.json": json.dumps(listed).encode()})
    released.run("register", "--local")
    line = refused(released.root, "attest", "v1.0.0")
    assert "config.json in models/exported of lm@v1.0.0 is not the one that manifest" in line


def test_lines_that_others_read(released: Released, tmp_path: Path) -> None:
    released.in_prod()
    printed = run(released.root, "attest", "v1.0.0").stdout
    for line in printed.splitlines():
        told = json.loads(line)
        subjects = [ResourceDescriptor(**one).pb for one in told["subject"]]
        Statement(subjects, told["predicateType"], told["predicate"]).validate()
    into = tmp_path / "new"
    run(released.root, "attest", "v1.0.0", "--into", str(into))
    assert (into / "lm@v1.0.0.intoto.jsonl").read_text() == printed
    shutil.rmtree(into)
    whole = released.json("attest", "v1.0.0")
    assert [line_of(one) for one in whole["statements"]] == printed.splitlines()


@pytest.mark.parametrize(
    ("subjects", "predicate"),
    [([], {"result": "PASSED"}), ([{"name": "a"}], {"result": "PASSED"}),
     ([{"name": "a", "digest": {"sha256": "0"}}], {"results": 1})],
)  # fmt: skip
def test_what_is_no_statement_is_refused(subjects: list, predicate: dict) -> None:
    with pytest.raises(StatementError, match="no statement of in-toto"):
        statement(subjects, "https://in-toto.io/attestation/test-result/v0.1", predicate)
