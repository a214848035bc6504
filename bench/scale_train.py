"""Steps per second of the default recipe: two processes of one thread, and one of two threads.

The same batch and model, each arm a run of the stage as a user has it, in a folder of its own, the
arms in turn. A run of few steps is taken from one of more, so that starting counts for neither.

    python bench/scale_train.py                # needs `dvc repro prepare` to have been run
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
STEPS = (6, 36)
ARMS = {
    "one process, two threads": (1, 2),
    "two processes, one thread each": (2, 1),
}
BAR = 0.85


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return steps per second by arm (medians over rounds), and the ratio, pair by pair."""
    seen: dict[str, list[float]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        project = _lay_out(Path(folder))
        for _ in range(rounds):
            for arm in ARMS:
                few, many = (_seconds(project, arm, steps) for steps in STEPS)
                seen[arm].append((STEPS[1] - STEPS[0]) / (many - few))
    one, two = seen.values()
    return {
        "rounds": rounds,
        "steps_per_second": {arm: round(statistics.median(each), 2) for arm, each in seen.items()},
        "ratio": round(statistics.median(b / a for a, b in zip(one, two, strict=True)), 2),
        "bar": BAR,
    }


def _lay_out(project: Path) -> Path:
    for part in ("conf", "src", "data/prepared", "models/base"):
        if (ROOT / part).exists():
            shutil.copytree(ROOT / part, project / part)
    for part in ("dvc.yaml", "environment.lock"):
        shutil.copyfile(ROOT / part, project / part)
    return project


def _seconds(project: Path, arm: str, steps: int) -> float:
    processes, threads = ARMS[arm]
    settings = [f"runtime.processes={processes}", f"runtime.threads={threads}"]
    # What is measured and written on the way is the same for both arms, and not asked here.
    settings += [f"train.steps={steps}", f"train.micro_batch_size={16 // processes}"]
    settings += ["train.evaluate_every=1000", "train.checkpoint_every=1000"]
    subprocess.run(["stemma", "compose", *settings], cwd=project, check=True, capture_output=True)
    begun = time.perf_counter()
    command = [sys.executable, "-m", "stemma.stages.train"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return time.perf_counter() - begun


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    table = Table("default recipe", "steps/s", title="Training in several processes")
    for arm, speed in found["steps_per_second"].items():
        table.add_row(arm, f"{speed:.2f}")
    Console().print(table, f"ratio {found['ratio']:.2f} (bar {found['bar']:.2f})")


if __name__ == "__main__":
    found = measure()
    show(found)
    print(json.dumps(found))
