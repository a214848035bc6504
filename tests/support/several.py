"""Training in several processes, from outside: how it is begun, watched and compared."""

import csv
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from project import Project, environment

STAGE = "python -m stemma.stages.train"
TWO = ["runtime.processes=2", "runtime.threads=1"]
LONG = ["train.steps=48", "train.evaluate_every=24", "model.dropout=0.2"]
# Sums of gradients are taken in another order: so far apart may losses be, as a share of them.
BOUND = 1e-3


def choose(built: Path, folder: Path, *settings: str) -> Project:
    project = Project(Path(shutil.copytree(built, folder, symlinks=True)))
    project.run(["stemma", "compose", *settings])
    return project


def losses(project: Project, curve: str) -> dict[str, float]:
    with (project.path / f"reports/plots/{curve}.csv").open(encoding="utf-8") as file:
        return {row["step"]: float(row["loss"]) for row in csv.DictReader(file)}


def begin(project: Project) -> subprocess.Popen[str]:
    return subprocess.Popen(
        STAGE.split(),
        cwd=project.path,
        env=environment(project.path),
        stderr=subprocess.PIPE,
        text=True,
    )


def ranks(process: subprocess.Popen[str]) -> Iterator[psutil.Process]:
    """Yield the processes that train, in their order."""
    found = {
        child.environ().get("RANK"): child
        for child in psutil.Process(process.pid).children(recursive=True)
    }
    yield from (found[rank] for rank in ("0", "1"))


def wait_for_checkpoint(project: Project, process: subprocess.Popen[str], step: int) -> None:
    deadline = time.monotonic() + 120
    while not list(project.path.glob(f"runs/train/*/checkpoints/checkpoint-{step}/seal.json")):
        assert process.poll() is None and time.monotonic() < deadline, f"no checkpoint {step}"
        time.sleep(0.005)
