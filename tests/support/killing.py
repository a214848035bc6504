"""Runs the real train stage and kills it, with SIGKILL by itself, at an exact point.

`python tests/support/killing.py` reads lines `FOLDER POINT [NUMBER]`, runs the stage of the project
in that folder until that point, and answers with the exit code. Every run is a process of its own,
forked from one that has done no more than to import the libraries, which takes longer than the run.
"""

import functools
import multiprocessing
import os
import runpy
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemma.environment import cap

# As the stage does before it imports torch: instructions, and threads that do not spin for long.
cap("avx2")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import torch  # noqa: E402
import torch.utils.tensorboard  # noqa: E402
import transformers.modeling_utils  # noqa: E402
from transformers import Trainer  # noqa: E402, F401


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tear(path: str | Path) -> None:
    """Cut a file to the first half of its bytes."""
    os.truncate(path, Path(path).stat().st_size // 2)


def before(owner: Any, name: str, when: Callable[..., bool]) -> None:
    """Die instead of calling ``owner.name`` with arguments for which ``when`` holds."""
    real = getattr(owner, name)

    @functools.wraps(real)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if when(*arguments):
            die()
        return real(*arguments, **named)

    setattr(owner, name, wrapped)


def amid(owner: Any, name: str, checkpoint: str) -> None:
    """Die when ``owner.name(value, path)`` has written half of a checkpoint's file."""
    real = getattr(owner, name)

    @functools.wraps(real)
    def wrapped(value: Any, path: str | Path, *arguments: Any, **named: Any) -> None:
        real(value, path, *arguments, **named)
        if Path(path).parent.name == checkpoint:
            tear(path)
            die()

    setattr(owner, name, wrapped)


def deleting(folder: str) -> None:
    """Die when every second file of a folder has been deleted."""

    def half_gone(path: str | Path, *_: Any) -> bool:
        if Path(path).name == folder:
            for file in sorted(file for file in Path(path).rglob("*") if file.is_file())[::2]:
                file.unlink()
            return True
        return False

    before(shutil, "rmtree", half_gone)


def replacing(name: str) -> None:
    """Die when half of the file is written that will replace ``name``, the end of a path."""

    def written(temporary: Path, target: str | Path) -> bool:
        if not str(target).endswith(name):
            return False
        if temporary.is_file():
            tear(temporary)
        return True

    before(Path, "replace", written)


def arm(point: str, number: int) -> None:
    from stemma.modeling.training.callbacks import Checkpointing, checkpoints

    checkpoint = f"checkpoint-{number}"

    def at_step(_callback: Any, _arguments: Any, state: Any, _control: Any) -> bool:
        return state.global_step == number

    points: dict[str, Callable[[], None]] = {
        "start": lambda: before(Checkpointing, "on_epoch_begin", lambda *_: True),
        "step": lambda: before(Checkpointing, "on_step_end", at_step),
        "micro-batch": lambda: before(Checkpointing, "on_substep_end", at_step),
        "weights": lambda: amid(transformers.modeling_utils, "safe_save_file", checkpoint),
        "optimizer": lambda: amid(torch, "save", checkpoint),
        "unsealed": lambda: before(checkpoints, "seal", lambda path: path.name == checkpoint),
        "sealing": lambda: replacing(f"{checkpoint}/seal.json"),
        "deleting": lambda: deleting(checkpoint),
        "curves": lambda: replacing("validation.csv"),
        "trained": lambda: replacing("training.json"),
        "swapping": lambda: replacing("models/trained"),
        "swapped": lambda: before(shutil, "rmtree", lambda path, *_: path.name == "checkpoints"),
        "cleaning": lambda: deleting("checkpoints"),
        "never": lambda: None,
    }
    points[point]()


def stage(folder: str, point: str, number: str = "0") -> None:
    os.chdir(folder)
    os.dup2(2, 1)
    # The project's own code: a test may have edited it.
    for name in [name for name in sys.modules if name.split(".")[0] == "stemma"]:
        del sys.modules[name]
    sys.path.insert(0, str(Path("src").resolve()))
    arm(point, int(number))
    runpy.run_module("stemma.stages.train", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    for line in sys.stdin:
        run = fork.Process(target=stage, args=line.split())
        run.start()
        run.join()
        print(run.exitcode, flush=True)
