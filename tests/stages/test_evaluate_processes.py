"""Evaluating in several processes: the bytes of one, and the death of one ends all in a line."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from project import Project, environment

from stemma.files import sha256_of

STAGE = "python -m stemma.stages.evaluate"
ONE = ["runtime.threads=1", "runtime.processes=1"]
# Small, so that there are more batches than processes.
BATCHES = ["evaluate.batch_tokens=512", "evaluate.resamples=50", "evaluate.reference.requests=70"]


def choose(built: Path, folder: Path, *settings: str) -> Project:
    project = Project(Path(shutil.copytree(built, folder, symlinks=True)))
    project.run(["stemma", "compose", *BATCHES, *ONE, *settings])
    return project


def reports(project: Project) -> dict[str, str]:
    """Return the hash of each file that evaluate makes, by name."""
    folder = project.path / "reports"
    files = [*folder.glob("*"), *folder.glob("plots/evaluation/*")]
    made = [path for path in files if path.is_file() and path.name != "formats.json"]
    return {path.name: sha256_of(path) for path in made}


def forget(project: Project) -> None:
    for path in (project.path / "reports").glob("*.*"):
        path.unlink()
    shutil.rmtree(project.path / "reports/plots/evaluation")


def told_by(project: Project, count: int, command: str) -> dict[str, str]:
    """Evaluate anew in so many processes."""
    forget(project)
    project.run(["stemma", "compose", f"runtime.processes={count}"])
    project.run(command)
    return reports(project)


def compare(project: Project) -> None:
    forget(project)
    project.run(STAGE)
    one = reports(project)
    assert {"metrics.json", "examples.parquet", "samples.md", "measured.json"} <= one.keys()
    assert told_by(project, 2, STAGE) == one
    # More processes than processors are started by a launcher alone.
    assert told_by(project, 4, f"torchrun --standalone --nproc-per-node 4 -m {STAGE[10:]}") == one


def test_text_is_measured_as_in_one_process(built, tmp_path):
    compare(choose(built, tmp_path / "project"))


@pytest.mark.soak
def test_classes_are_measured_as_in_one_process(built, tmp_path):
    settings = ["task=classify", "task.max_tokens=64", "source.columns.label=play"]
    project = choose(built, tmp_path / "project", *settings)
    documents = project.path / "data/input/scenes.jsonl"
    rows = [json.loads(line) for line in documents.read_text(encoding="utf-8").splitlines()]
    labelled = [json.dumps(row | {"play": row["name"].split("/")[0]}) for row in rows]
    documents.write_text("\n".join(labelled) + "\n", encoding="utf-8")
    project.run("dvc repro train")
    compare(project)


def test_the_death_of_one_ends_all_in_a_line(built, tmp_path):
    project = choose(built, tmp_path / "project", "runtime.processes=2")
    forget(project)
    process = subprocess.Popen(
        STAGE.split(),
        cwd=project.path,
        env=environment(project.path),
        stderr=subprocess.PIPE,
        text=True,
    )
    second = member(process, "1")
    second.send_signal(signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert [line for line in told.splitlines() if "stemma evaluate:" in line] == [
        "stemma evaluate: process 2 of 2 was ended by SIGKILL, and all ended with it "
        "(type `dvc repro`)"
    ], told
    assert not (project.path / "reports/metrics.json").exists()


def member(process: subprocess.Popen[str], rank: str) -> psutil.Process:
    """Return one of the processes that evaluate, as soon as it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in psutil.Process(process.pid).children(recursive=True):
            if child.environ().get("RANK") == rank:
                return child
        time.sleep(0.01)
    raise AssertionError("no such process")
