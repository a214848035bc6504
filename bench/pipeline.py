"""The default `dvc repro` from nothing, and what DVC, Hydra, process starts and imports add to it.

The work itself is what the stages' ``run`` functions take in processes that have already imported
everything; the rest of the wall time of `dvc repro` is overhead. Also: `make run` and `dvc repro`
when nothing changed, and `stemma --help`.

    python bench/pipeline.py   # about ten minutes; works in a temporary clone
"""

import importlib
import json
import os
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
STAGES = ("ingest", "prepare", "train", "evaluate", "export")
# Imported by the stages inside their functions; warm before the clock starts.
HEAVY = {
    "ingest": ("stemma.corpus.sources.shakespeare", "stemma.corpus.documents"),
    "prepare": ("stemma.corpus.prepare.pipeline", "py3langid"),
    "train": ("stemma.modeling.training.trainer", "transformers.models.llama.modeling_llama"),
    "evaluate": ("stemma.modeling.evaluation.scoring", "transformers.models.llama.modeling_llama"),
    "export": ("stemma.modeling.export.card.writing", "stemma.modeling.weights.copy"),
}


def measure() -> dict[str, Any]:
    """Return wall seconds of the pipeline, of the work by stage, and the share of overhead."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        _command(["git", "clone", "--quiet", str(ROOT), str(clone)], ROOT)
        wall = _seconds(["dvc", "repro"], clone)
        work = {stage: _work(stage, clone) for stage in STAGES}
        unchanged = [_seconds(["dvc", "repro"], clone) for _ in range(3)]
        (clone / ".venv").symlink_to(Path(sys.executable).parents[1])
        for stamp in (".run", ".test"):
            (clone / ".venv" / stamp).touch()
        nothing = [_seconds(["make", "run"], clone) for _ in range(3)]
        helps = [_seconds(["stemma", "--help"], clone) for _ in range(11)]
    return {
        "dvc_repro_from_nothing": round(wall, 1),
        "work": {stage: round(seconds, 1) for stage, seconds in work.items()},
        "overhead_share": round(1 - sum(work.values()) / wall, 3),
        "dvc_repro_unchanged": round(statistics.median(unchanged), 2),
        "make_run_unchanged": round(statistics.median(nothing), 2),
        "stemma_help": round(statistics.median(helps), 3),
    }


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title="The default pipeline, wall seconds")
    table.add_column("")
    table.add_column("seconds", justify="right")
    table.add_row("dvc repro from nothing", f"{result['dvc_repro_from_nothing']:.1f}")
    for stage, seconds in result["work"].items():
        table.add_row(f"  work of {stage}", f"{seconds:.1f}")
    table.add_row("  overhead, share of the whole", f"{result['overhead_share']:.1%}")
    table.add_row("dvc repro, nothing changed", f"{result['dvc_repro_unchanged']:.2f}")
    table.add_row("make run, nothing changed", f"{result['make_run_unchanged']:.2f}")
    table.add_row("stemma --help", f"{result['stemma_help']:.3f}")
    Console().print(table)


def run_stage(stage: str) -> float:
    """Run one stage in this process, imports excluded; return its wall seconds."""
    # The runtime sets what libraries read when they are loaded, so it comes first here as well.
    from stemma.config import load
    from stemma.modeling.runtime import RuntimeSettings, start

    if stage in ("train", "evaluate"):
        start(load(_section(RuntimeSettings)).runtime)
    module = importlib.import_module(f"stemma.stages.{stage}")
    for name in HEAVY[stage]:
        importlib.import_module(name)
    settings = load(getattr(module, f"{stage.title()}Settings"))
    begun = time.perf_counter()
    module.run(settings)
    return time.perf_counter() - begun


def _section(kind: type) -> type:
    from stemma.config import settings

    return settings(type("Section", (), {"__annotations__": {"runtime": kind}}))


def _work(stage: str, clone: Path) -> float:
    command = [sys.executable, str(Path(__file__).resolve()), "--stage", stage]
    return json.loads(_command(command, clone).splitlines()[-1])


def _seconds(command: list[str], folder: Path) -> float:
    begun = time.perf_counter()
    _command(command, folder)
    return time.perf_counter() - begun


def _command(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def main() -> None:
    """Measure everything, or run one stage of the clone that this is called in."""
    if "--stage" in sys.argv:
        print(json.dumps(run_stage(sys.argv[-1])))
    else:
        show(measure())


if __name__ == "__main__":
    main()
