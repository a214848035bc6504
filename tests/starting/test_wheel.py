"""The built wheel: a project of one's own, built, edited, and taken to another Stemma."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, TINY, environment, once


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked; do not write to it."""

    def install(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip"]
        built = folder / "dist"
        subprocess.run(
            [*pip, "wheel", "-q", "--no-deps", "-w", str(built), "."], cwd=ROOT, check=True
        )
        found = str(next(built.glob("*.whl")))
        target = str(folder / "packages")
        subprocess.run([*pip, "install", "-q", "--no-deps", "--target", target, found], check=True)

    return once(tmp_path_factory, "installed", install) / "packages"


class Mine:
    """A project beside an installed Stemma."""

    def __init__(self, path: Path, packages: Path) -> None:
        self.path, self.packages = path, packages

    def run(self, command: str, folder: Path | None = None, check: bool = True) -> str:
        done = subprocess.run(
            command.split(),
            cwd=folder or self.path,
            env=environment() | {"PYTHONPATH": str(self.packages)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def repro(self) -> tuple[list[str], str]:
        """Return the stages that ran, and what was said."""
        told = self.run("dvc repro")
        lines = [line for line in told.splitlines() if line.startswith("Running stage")]
        return [line.split("'")[1] for line in lines], told


@pytest.fixture
def mine(installed: Path, tmp_path: Path, scenes: list[tuple[str, str]]) -> Mine:
    packages = Path(shutil.copytree(installed, tmp_path / "packages"))
    found = Mine(tmp_path / "my-model", packages)
    found.run("stemma init my-model", tmp_path)
    texts = (json.dumps({"name": name, "text": text}) + "\n" for name, text in scenes)
    (found.path / "data/input/scenes.jsonl").write_text("".join(texts))
    (found.path / "conf/experiment").mkdir()
    (found.path / "conf/experiment/tiny.yaml").write_text(TINY)
    config = found.path / "conf/config.yaml"
    config.write_text(config.read_text().replace("optional experiment: null", "experiment: tiny"))
    return found


def test_a_project_is_built_edited_and_taken_to_another_stemma(mine: Mine) -> None:
    ran, _ = mine.repro()
    assert ran == ["compose", "ingest", "base", "prepare", "train", "evaluate", "export"]
    mine.run("git add -A")
    mine.run("git commit -qm Built")
    assert "no version" not in mine.run("stemma log")
    lock = (mine.path / "code.lock").read_text()
    assert str(mine.packages) not in lock and "stemma/stages/train.py" in lock

    # Only compose, which looks whether the package has changed.
    assert mine.repro()[0] == ["compose"]
    # A choice of one's own that stands before Stemma's.
    own = mine.path / "conf/export/mine.yaml"
    own.write_text(own.read_text() + "license: apache-2.0\n")
    assert mine.repro()[0] == ["compose", "export"]
    params = yaml.safe_load((mine.path / "params.yaml").read_text())
    assert params["composed"]["overrides"] == [] and params["export"]["license"] == "apache-2.0"

    # A gate of the project's own, of which nothing is installed.
    mine.run("git add -A")
    mine.run("git commit -qm Licence")
    mine.run("stemma register --local")
    asked = mine.run("stemma gates v1.0.0 --stage staging", check=False)
    assert "enough_documents measured on" in asked

    # Another Stemma: a comment is no change, an edit reruns what it can change.
    stage = mine.packages / "stemma/stages/evaluate.py"
    stage.write_text(stage.read_text() + "# later\n")
    assert mine.repro()[0] == ["compose"]
    stage.write_text(stage.read_text() + "LATER = True\n")
    ran, told = mine.repro()
    assert ran == ["compose", "evaluate"]  # whose outputs are the same bytes
    assert "evaluate has other code: stemma/stages/evaluate.py" in told
    assert str(os.sep) + "packages" not in (mine.path / "dvc.lock").read_text()


def test_a_projects_own_source_family_and_task_run_and_count(
    mine: Mine, scenes: list[tuple[str, str]]
) -> None:
    guide = "".join(f"## {name}\n\n{text}\n" for name, text in scenes)
    (mine.path / "data/input/guide.md").write_text(guide)
    chosen = TINY.replace("/source: files", "/source: headings\n  - override /task: smooth")
    chosen = chosen.replace("/model: gpt2_nano", "/model: olmo")
    chosen = chosen.replace("source: {columns: {id: name}}\n", "")
    (mine.path / "conf/experiment/tiny.yaml").write_text(chosen)
    every = ["compose", "ingest", "base", "prepare", "train", "evaluate", "export"]
    assert mine.repro()[0] == every
    config = json.loads((mine.path / "models/trained/config.json").read_text())
    assert config["architectures"] == ["OlmoForCausalLM"]
    measured = json.loads((mine.path / "reports/metrics.json").read_text())
    assert 0 <= measured["easy"] <= 1
    mine.run("git add -A")
    mine.run("git commit -qm Own")

    source = mine.path / "src/my_model"
    for file, stages in (
        ("gates.py", ()),
        ("tasks/smooth/metrics.py", ("evaluate", "export")),
        ("sources/headings.py", ("ingest",)),  # which makes the same bytes
    ):
        path = source / file
        path.write_text(path.read_text() + "LATER = True\n")
        ran, told = mine.repro()
        assert ran == ["compose", *stages], file
        for stage in stages:
            assert f"{stage} has other code: src/my_model/{file}" in told
    path = source / "tasks/smooth/training.py"
    path.write_text(path.read_text().replace("SMOOTHING = 0.1", "SMOOTHING = 0.5"))
    assert mine.repro()[0] == ["compose", "train", "evaluate", "export"]
    mine.run("git add -A")
    mine.run("git commit -qm Smoother")
    told = mine.run("stemma diff HEAD~1 HEAD --json")
    assert '"easy"' in told and "smooth/training.py" in told
