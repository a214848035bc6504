"""One page on a version that the pipeline made, and on histories made by hand."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from history import History, json_bytes
from prepared import SOURCE, manifest, row
from project import Project
from shown import facts, page, words, write

from stemma.versions.verbs.forget import forget

STAGES = ["compose", "ingest", "base", "prepare", "train", "evaluate", "export"]
METRICS = {"documents": 1, "tokens": 9, "loss": 2.0, "loss_low": 1.5, "loss_high": 2.5}


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "project")


def pinned(project: Project, package: str) -> str:
    """Return what environment.lock declares of a package, or of Python."""
    lock = (project.path / "environment.lock").read_text()
    return re.findall(rf"^{package}==([\d.]*\d)", lock, re.MULTILINE)[0]


def test_every_section_of_a_real_version(project: Project):
    project.run("git tag v1")
    before = project.run("git status --porcelain").stdout
    told = project.run("stemma show v1").stdout
    commit = project.run("git rev-parse HEAD").stdout[:10]
    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"v1  {commit}  20") and lines[0].endswith("  Test")
    assert lines[1:4] == [
        "A tiny version",
        "main, v1",
        "not verified: type `stemma verify v1`",
    ]
    told = words(told)
    assert "model gpt2_nano, 27,616 parameters, 1,024 tokens seen, " in told
    assert "settings conf/ as it stands source=files prepare=default tokenizer=bpe" in told
    assert "train: method=full optimizer=muon learning_rate=0.03 steps=8 batch_size=4" in told
    assert (
        f"environment Python {pinned(project, 'python')}, torch {pinned(project, 'torch')}" in told
    )
    assert "data scenes.jsonl: 47 documents from data/input/scenes.jsonl; licence: " in told
    assert "no document is dropped" in told
    for split in ("train", "validation", "test"):
        assert f" {split}: " in told
    assert "Test split, " in told and "bits per byte" in told and "trigram" in told
    assert "Sample: " in told
    assert "compose ← conf " in told and "prepare ← data/input " in told
    assert "working tree, cache" in told and "Git" in told
    assert "nowhere" not in told and "missing" not in told
    assert "Next" not in told and "made on" not in told and "parent" not in told
    assert project.run("git status --porcelain").stdout == before


def test_json_says_all_that_the_page_says(project: Project):
    found = json.loads(project.run("stemma show HEAD --json").stdout)
    assert found["training"]["steps"] == 8
    assert found["settings"]["values"]["train"]["steps"] == 8
    assert found["environment"].keys() >= {"python", "torch", "numpy", "onnx"}
    assert found["data"]["sources"][0]["license"]
    report = found["data"]["report"]
    assert report["documents"]["raw"] == sum(one["documents"] for one in found["data"]["sources"])
    assert found["metrics"]["bits_per_byte"] and found["metrics"]["baselines"]
    assert "original" in found["formats"] and len(found["samples"]) == 3
    assert found["base"] is None and found["parents"] == [] and found["tainted"] is None
    assert found["missing"] == {} and found["observed"] is None
    assert [stage["name"] for stage in found["stages"]] == STAGES
    made = {out["path"]: out for stage in found["stages"] for out in stage["makes"]}
    assert made["models/trained"]["whole"] == ["working tree", "cache"]
    assert made["reports/metrics.json"]["whole"] == ["Git"]
    assert made["reports/plots/evaluation"]["whole"] == ["Git"]
    takes = {one["path"]: one["from"] for one in found["stages"][-1]["takes"]}
    assert takes["models/trained"] == "train" and takes["environment.lock"] is None


def test_the_working_tree(project: Project):
    commit = project.run("git rev-parse HEAD").stdout[:10]
    told = project.run("stemma show").stdout
    assert told.startswith(f"the working tree\ncommitted as {commit}\n")
    assert "made on" in told and "working tree, cache" in told and "Git" in told
    assert told.endswith(
        "\nNext\n"
        "try one setting      dvc exp run -S train.steps=16\n"
        "try another recipe   dvc exp run -S experiment=gpt2_shakespeare\n"
        "compare              dvc exp show --only-changed; stemma diff; dvc plots show\n"
        "keep this version    git add -A && git commit -m '…'\n"
        "go back              git checkout <commit> && dvc checkout\n"
    )

    # What its metrics were not made with is no part of that version.
    params = project.path / "params.yaml"
    settings = params.read_text()
    params.write_text(settings.replace("seed: 1", "seed: 2"))
    told = project.run("stemma show").stdout
    assert told.startswith(f"the working tree\ncommitted as {commit}\nchanged since: params.yaml\n")
    params.write_text(settings)

    # The version of HEAD stays what it is, and is the one before what stands here now.
    lock = project.path / "dvc.lock"
    lock.write_text(lock.read_text().replace("schema: '2.0'", 'schema: "2.0"'))
    told = project.run("stemma show").stdout
    assert told.startswith("the working tree\nnot committed\n")
    assert f"parent       {commit}" in told
    assert f"HEAD  {commit}" in project.run("stemma show HEAD").stdout


def test_a_working_tree_without_its_bytes(project: Project):
    shutil.rmtree(project.path / "data/prepared")
    shutil.rmtree(project.path / "models")
    told = words(project.run("stemma show").stdout)
    assert "data data/prepared: not in the working tree" in told
    assert "model models/trained: not in the working tree" in told
    assert "missing models/trained is not in the working tree (`dvc checkout`" in told
    assert "bits per byte" in told
    (project.path / "reports/metrics.json").unlink()
    done = project.run("stemma show", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "stemma: reports/metrics.json does not exist (type `make run` or `dvc repro`)\n"
    )


def test_where_it_stands(history: History, capsys: pytest.CaptureFixture[str]):
    first = history.commit({"models/trained": {"model.safetensors": b"1"}})
    history.git("tag", "first")
    second = history.commit({"models/trained": {"model.safetensors": b"2"}})
    write(history, "notes.md", "later")
    history.git("add", "-A")
    history.git("commit", "-qm", "Only notes")
    found = facts(history)
    assert (found["subject"], found["made_in"], found["refs"]) == ("Only notes", second, ["main"])
    assert [(one["commit"], one["refs"]) for one in found["parents"]] == [(first, ["first"])]
    told = page(found, capsys)
    assert f"the version of {second[:10]}: its dvc.lock is the same\n" in told
    assert f"parent {first[:10]}" in words(told) and "(first) a version" in told
    assert page(facts(history, second), capsys).startswith(second[:10])

    history.git("checkout", "-q", "first")
    third = history.commit({"models/trained": {"model.safetensors": b"3"}})
    history.git("merge", "-q", "-s", "ours", "main", "-m", "Both")
    write(history, "dvc.lock", (history.root / "dvc.lock").read_text() + "\n")
    history.git("commit", "-qa", "--amend", "-m", "Both")
    found = facts(history)
    assert {one["commit"] for one in found["parents"]} == {second, third}
    assert "parents" in page(found, capsys)


def test_an_experiment_and_a_detached_head(history: History):
    first = history.commit({"models/trained": {"model.safetensors": b"1"}})
    tried = history.commit({"models/trained": {"model.safetensors": b"2"}})
    history.git("update-ref", f"refs/exps/ab/{'c' * 38}/tried", tried)
    history.git("checkout", "-q", first)
    history.git("branch", "-qD", "main")
    found = facts(history, "tried")
    assert (found["commit"], found["refs"]) == (tried, ["tried"])
    assert [(one["commit"], one["refs"]) for one in found["parents"]] == [(first, ["HEAD"])]


def test_a_section_of_which_there_is_nothing_is_left_out(
    history: History, capsys: pytest.CaptureFixture[str]
):
    history.commit({"models/trained": {"model.safetensors": b"1"}})
    told = page(facts(history), capsys)
    for label in ("model ", "settings", "environment", "data", "base", "parent", "missing"):
        assert not any(line.startswith(label) for line in told.splitlines()), label
    assert "Test split" not in told and "Sample" not in told and "Formats" not in told
    assert "\nmade ← settings alone\n" in "\n".join(map(str.rstrip, told.splitlines()))


def test_data_and_what_was_dropped(history: History, capsys: pytest.CaptureFixture[str]):
    sizes = {"documents": 1, "tokens": 1000, "bytes": 4000}
    report = {
        "documents": {"raw": 1503, "dropped": 3, "kept": 1500},
        "dropped": {"near_duplicate": {"plays": 1, "poems": 1}, "revoked: asked": {"plays": 1}},
        "splits": {"test": sizes, "train": sizes | {"documents": 1499}},
    }
    write(history, "data/revoked.jsonl", '{"id": "a", "sha256": "b", "why": "asked"}\n')
    history.commit(
        {
            "data/raw": {"sources.json": json_bytes({"sources": [SOURCE | {"documents": 1503}]})},
            "data/prepared": {"data_report.json": json_bytes(report)},
        }
    )
    told = words(page(facts(history) | {"tainted": None}, capsys))
    assert "data plays 1: 1,503 documents from here; licence: MIT" in told
    assert "3 of 1,503 documents are dropped: 2 near_duplicate, 1 revoked: asked" in told
    assert "train: 1,499 documents, 1,000 tokens, 4.0 kB test: 1 document, 1,000" in told
    assert "1 record on the list of what is revoked" in told


@pytest.mark.parametrize(
    "base, expected",
    [
        (
            {"kind": "gguf", "origin": "pypi:x==1/x.gguf", "version": "1", "license": "MIT"},
            "base pypi:x==1/x.gguf MIT, digest ",
        ),
        (
            {"kind": "path", "origin": "stemma://v1", "version": "ab" * 20},
            "base stemma://v1 ababababab, digest ",
        ),
    ],
)
def test_the_base(
    history: History, base: dict[str, str], expected: str, capsys: pytest.CaptureFixture[str]
):
    history.commit({"models/base": {"base.json": json_bytes(base)}})
    found = facts(history)
    assert f"{expected}{found['base']['md5'][:8]}" in words(page(found, capsys))


def test_formats_and_samples(history: History, capsys: pytest.CaptureFixture[str]):
    scored = {"bits_per_byte": 1.5, "bits_per_byte_low": 1.25, "bits_per_byte_high": 1.75}
    formats = {"original": scored | {"bytes": 4000}, "int8": {"bits_per_byte": 1.625, "bytes": 999}}
    samples = "".join(f"## {name}\n\n```text\n{name}\n```\n\n" for name in ("one", "two", "three"))
    long = "## long\n\n```text\n" + "\n".join(f"line {number}" for number in range(20)) + "\n```\n"
    write(history, "reports/formats.json", formats)
    write(history, "reports/samples.md", long + samples)
    history.commit({"models/exported": {"model.safetensors": b"1"}})
    told = page(facts(history), capsys)
    rows = [line.split() for line in told.splitlines()]
    assert ["original", "4.0", "kB", "1.5000", "1.2500", "to", "1.7500"] in rows
    assert ["int8", "999", "bytes", "1.6250"] in rows
    assert "Sample: long\n  line 0\n" in told and "  line 7\n  …\n" in told
    assert "line 8" not in told
    assert "Sample: one\n  one\n" in told and "two" not in told


def test_metrics_have_the_labels_of_the_tasks(history: History, capsys: pytest.CaptureFixture[str]):
    scored = {"bleu": 12.5, "rouge_l": 0.5, "of_my_own": 1.0}
    write(history, "reports/metrics.json", METRICS | scored | {"baselines": {"copy": {"bleu": 9}}})
    history.commit({"models/trained": {"model.safetensors": b"1"}})
    told = page(facts(history), capsys)
    assert "Test split, 1 document, 9 tokens" in told
    for label in ("loss, nats", "BLEU", "ROUGE-L", "of_my_own"):
        assert any(line.startswith(label) for line in told.splitlines()), label
    assert "1.5000 to 2.5000" in told and "9.0000" in told


def test_the_environment_is_that_of_the_python_that_it_declares(history: History):
    lock = (
        "# made\npython==3.12.*\ntorch==2.13.0\nnumpy==2.4.6 ; python_full_version < '3.12'\n"
        "numpy==2.5.5 ; python_full_version >= '3.12'\nonnx==1.23.2 ; extra == 'onnx'\n"
    )
    write(history, "environment.lock", lock)
    history.commit({"models/trained": {"model.safetensors": b"1"}})
    assert facts(history)["environment"] == {
        "python": "3.12",
        "torch": "2.13.0",
        "numpy": "2.5.5",
        "onnx": "1.23.2",
    }


def test_a_tainted_version_and_its_heir_are_marked(
    history: History, capsys: pytest.CaptureFixture[str]
):
    def version(split: str, weights: bytes, base: dict[str, Any]) -> str:
        rows = [row("secret", "a secret text", split=split), row("doc", "another text")]
        made = {
            "data/prepared": {"manifest.parquet": manifest(rows)},
            "models/base": {"base.json": json_bytes(base)},
            "models/trained": {"model.safetensors": weights},
        }
        return history.commit(made)

    none = {"kind": None}
    clean = history.commit({"data/prepared": {"manifest.parquet": manifest([row("x", "y")])}})
    held = version("train", b"1", none)
    measured = version("test", b"2", none)
    base = {"kind": "path", "origin": "stemma://x", "version": held}
    heir = history.commit({"models/base": {"base.json": json_bytes(base)}})
    assert facts(history, held)["tainted"] is None
    forget("secret", why="asked by its author", root=history.root)
    assert facts(history, clean)["tainted"] is None
    told = page(facts(history, held), capsys)
    assert "\ntainted: trained on secret (revoked: asked by its author)\n" in told
    assert "\ntainted: measured on secret (" in page(facts(history, measured), capsys)
    told = page(facts(history, heir), capsys)
    assert f"tainted: its base descends from {held[:10]}, trained on what is revoked" in told

    shutil.rmtree(history.root / ".dvc/cache")
    told = words(page(facts(history, held), capsys))
    assert "tainted or not, it is not known: " in told
