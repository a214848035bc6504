"""What users of DVC and Hydra type, on a real repository with the real pipeline made small."""

import csv
import io
import json
import time

import pytest
from project import Project

from stemma.config import read_params
from stemma.files import sha256_of


def params(project: Project) -> dict:
    return read_params(project.path / "params.yaml")


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def exported(project: Project) -> dict[str, str]:
    folder = project.path / "models/exported"
    files = (file for file in sorted(folder.iterdir()) if file.name != "observed.json")
    return {file.name: sha256_of(file) for file in files}


def edit(project: Project, file: str, old: str, new: str) -> None:
    path = project.path / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_version_that_is_built_is_up_to_date(project):
    assert "up to date" in project.run("dvc status").stdout
    assert stages_run(project.run("dvc repro").stdout) == []
    assert project.run("git status --porcelain").stdout == ""


def test_repro_builds_an_edit_of_conf(project):
    edit(project, "conf/evaluate/default.yaml", "resamples: ", "resamples: 1")
    done = project.run("dvc repro")
    assert stages_run(done.stdout) == ["compose", "evaluate", "export"]
    assert "evaluate.resamples" in done.stdout
    assert "up to date" in project.run("dvc status").stdout


def test_an_override_survives_a_later_edit_of_conf(project):
    project.run("dvc exp run -S evaluate.sample_tokens=3")
    assert params(project)["composed"]["overrides"] == ["evaluate.sample_tokens=3"]
    edit(project, "conf/export/default.yaml", "license: ", "license: a-")
    assert stages_run(project.run("dvc repro").stdout) == ["compose", "export"]
    assert params(project)["evaluate"]["sample_tokens"] == 3
    assert params(project)["export"]["license"].startswith("a-")


def test_repro_stops_when_both_sides_were_edited(project):
    before = exported(project)
    edit(project, "conf/evaluate/default.yaml", "sample_tokens: ", "sample_tokens: 1")
    edit(project, "params.yaml", "steps: 8", "steps: 10")
    done = project.run("dvc repro", check=False)
    assert done.returncode != 0
    assert "train.steps" in done.stderr
    assert "stemma compose --reset" in done.stderr
    assert exported(project) == before


def test_no_hydra_override_is_built(project):
    done = project.run("dvc exp run --no-hydra -S evaluate.sample_tokens=3")
    assert stages_run(done.stdout) == ["compose", "evaluate", "export"]
    assert params(project)["composed"]["overrides"] == ["evaluate.sample_tokens=3"]


def test_a_bare_exp_run_says_which_overrides_it_drops(project):
    project.run("dvc exp run -S evaluate.sample_tokens=3")
    done = project.run("dvc exp run")
    assert "goes back to conf/" in done.stderr
    assert "-S evaluate.sample_tokens=3" in done.stderr
    assert params(project)["evaluate"]["sample_tokens"] == 8


def test_exp_run_with_a_learning_rate_compares_with_the_parent(project):
    done = project.run("dvc exp run -n faster -S train.learning_rate=0.002")
    assert stages_run(done.stdout) == ["compose", "train", "evaluate", "export"]
    difference = json.loads(project.run("dvc params diff --json").stdout)
    changed = difference["params.yaml"]["train.learning_rate"]
    assert changed["new"] == 0.002
    metrics = json.loads(project.run("dvc metrics diff --json").stdout)
    assert "bits_per_byte" in metrics["reports/metrics.json"]
    shown = project.run("dvc exp show --csv").stdout
    assert "faster" in shown
    assert "bits_per_byte" in shown
    # As README has it: what fits a screen, of some hundred columns.
    few = "dvc exp show --csv --only-changed --drop .*_low --drop .*_high"
    columns = next(csv.reader(io.StringIO(project.run(few).stdout)))
    assert {"bits_per_byte", "train.learning_rate"} <= {name.split(":")[-1] for name in columns}
    assert len(columns) < 40 < len(next(csv.reader(io.StringIO(shown))))


def test_exp_run_with_another_model(project):
    done = project.run("dvc exp run -S model=gpt2_mini")
    assert stages_run(done.stdout) == ["compose", "train", "evaluate", "export"]
    assert params(project)["model"]["name"] == "gpt2_mini"


def test_another_family_in_conf_is_built_by_one_command(project):
    edit(project, "conf/experiment/tiny.yaml", "/model: gpt2_nano", "/model: llama_nano")
    done = project.run("dvc repro")
    assert stages_run(done.stdout) == ["compose", "train", "evaluate", "export"]
    lock = (project.path / "dvc.lock").read_text()
    assert "src/stemma/families/llama.py" in lock
    assert "src/stemma/families/gpt2.py" not in lock


@pytest.mark.soak
def test_queue_of_choices(project):
    project.run(["dvc", "exp", "run", "--queue", "-S", "evaluate.sample_tokens=choice(2,3)"])
    project.run("dvc queue start")
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        status = project.run("dvc queue status").stdout
        if not any(word in status for word in ("Queued", "Running")):
            break
        time.sleep(2)
    project.run("dvc queue stop")
    assert status.count("Success") == 2, status
    rows = csv.DictReader(io.StringIO(project.run("dvc exp show --csv").stdout))
    assert {"2", "3"} <= {row["evaluate.sample_tokens"] for row in rows}


def test_metrics_and_plots_between_commits_and_the_way_back(project):
    first = exported(project)
    project.run("git tag first")
    project.run("stemma compose train.learning_rate=0.002")
    project.run("dvc repro")
    project.commit("Another learning rate")
    assert exported(project) != first
    difference = json.loads(project.run("dvc metrics diff first HEAD --json").stdout)
    assert difference["reports/metrics.json"]["loss"]["diff"] != 0
    assert "bits_per_byte" in project.run("dvc metrics show -A --json").stdout
    said = project.run("dvc plots diff first HEAD -o plots")
    assert "failed to load" not in said.stdout + said.stderr
    page = (project.path / "plots/index.html").read_text()
    assert '"rev": "first"' in page
    assert "learning_rate" in page
    project.run("dvc plots show -o shown")
    assert (project.path / "shown/index.html").exists()
    project.run("git checkout -q first")
    project.run("dvc checkout -q")
    assert exported(project) == first
    assert "up to date" in project.run("dvc status").stdout


def test_push_and_pull_into_a_fresh_clone(project, tmp_path):
    project.run(["dvc", "remote", "add", "-d", "store", str(tmp_path / "store")])
    project.commit("A remote")
    project.run("dvc push -q")
    project.run(["git", "clone", "-q", str(project.path), str(tmp_path / "clone")])
    clone = Project(tmp_path / "clone")
    clone.run("dvc pull -q")
    assert exported(clone) == exported(project)
    assert "up to date" in clone.run("dvc status").stdout


def test_files_under_dvc_are_sources(project):
    project.run("git rm -q --cached data/input/scenes.jsonl")
    project.run("dvc add -q data/input/scenes.jsonl")
    project.run("dvc repro ingest")
    project.commit("The corpus under DVC")
    assert "up to date" in project.run("dvc status data/input/scenes.jsonl.dvc ingest").stdout
    lines = (project.path / "data/input/scenes.jsonl").read_text().splitlines()
    (project.path / "data/input/scenes.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert "data/input" in project.run("dvc status").stdout
    assert "ingest" in stages_run(project.run("dvc repro ingest").stdout)
    sources = json.loads((project.path / "data/raw/sources.json").read_text())["sources"]
    assert sources[0]["documents"] == len(lines) - 1


@pytest.mark.parametrize("verb", ["show", "show --json"])
def test_show(project, verb):
    done = project.run(f"stemma {verb}")
    assert "bits" in done.stdout
    if "--json" in verb:
        assert json.loads(done.stdout)["training"]["steps"] == 8


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_show_names_a_broken_file(project, content):
    (project.path / "reports/metrics.json").write_text(content)
    done = project.run("stemma show", check=False)
    assert done.returncode == 1
    assert "reports/metrics.json" in done.stderr
    assert done.stderr.count("\n") == 1
