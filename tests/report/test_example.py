"""examples/finetune, as somebody uses it: a script of their own, and StemmaCallback."""

import csv
import json

import finetuned
import pytest
from project import Project, once


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(once(tmp_path_factory, "finetuned", finetuned.build))


def stemma(project: Project, *words: str, code: int = 0) -> str:
    done = project.run(["stemma", *words], check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout


def test_the_script_is_short():
    script = (finetuned.EXAMPLE / "train.py").read_text().splitlines()
    assert len(script) <= 44
    assert sum("StemmaCallback" in line for line in script) == 3  # the docstring, import and use


def test_log_and_show_have_its_metrics(theirs: Project):
    versions = json.loads(stemma(theirs, "log", "--json"))
    assert len(versions) == 2
    metrics = json.loads((theirs.path / "reports/metrics.json").read_text())
    assert set(metrics) == {"eval_loss", "train_loss"}
    assert "eval_loss" in stemma(theirs, "show", "HEAD")


def test_curves_are_what_dvc_plots(theirs: Project):
    with (theirs.path / "reports/curves/train.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [5, 10]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert not any("per_second" in name or "runtime" in name for name in rows[0])
    assert "curves" in theirs.run("dvc plots diff HEAD~1 --json").stdout


def test_a_difference_is_tested_by_example(theirs: Project):
    found = json.loads(stemma(theirs, "diff", "HEAD~1", "HEAD", "--json"))
    tested = found["sections"]["metrics"]["tested"]
    assert tested["loss"]["real"] and tested["loss"]["difference"] < 0
    assert tested["accuracy"]["real"] and tested["accuracy"]["better"] == "higher"
    assert "real, and better" in stemma(theirs, "diff", "HEAD~1", "HEAD", "--only", "metrics")


def test_the_data_section_names_the_document(theirs: Project):
    found = json.loads(stemma(theirs, "diff", "HEAD~1", "HEAD", "--only", "data", "--json"))
    data = found["sections"]["data"]
    assert len(data["removed"]) == 1 and not data["added"], data
    assert data["splits"]["train"]["a"]["tokens"] > data["splits"]["train"]["b"]["tokens"]


def test_a_document_is_traced(theirs: Project):
    found = stemma(theirs, "trace", "--text", finetuned.SECRET.replace("again", "at all"))
    assert "similar" in found
    one, two = (theirs.run(f"git rev-parse {revision}").stdout[:7] for revision in ("@~1", "@"))
    assert one in found and two not in found


def test_it_is_verified(theirs: Project):
    assert "verdict: exact" in stemma(theirs, "verify", "HEAD")
