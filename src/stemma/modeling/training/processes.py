"""Training in several processes: torchrun's agent starts them, and the end of one ends all.

``runtime.processes`` says how many. Where it is more than one, the stage's own process becomes the
agent of ``torchrun --standalone``, and starts the same module so many times; where a launcher has
started it already (torchrun on several machines, Slurm), it is one of them, and only holds the
launcher's number against the setting. https://pytorch.org/docs/stable/elastic/run.html
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from stemma.errors import ModelError, SettingsError, StemmaError

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_KINDS = {kind.__name__ for kind in StemmaError.__subclasses__()}


def launched() -> bool:
    """Return whether this process is one of those that a launcher started."""
    return "WORLD_SIZE" in os.environ


def spread(module: str, count: int) -> None:
    """Run a module in several processes of this machine, and wait for them.

    Args:
        module: what ``python -m`` takes; each finds itself ``launched``.
        count: processes.

    Raises:
        ModelError: one of them ended before its work, or has an error; all have ended then.
        KeyboardInterrupt: Ctrl-C.
        SystemExit: 143 when this process was asked to end; all have ended then.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # Its report of a failure has thirty lines; what is in them is said below in one.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id="stemma",
        # A free port, and this machine's own: what torchrun calls standalone.
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        elastic_launch(config, sys.executable)("-m", module)
    except ChildFailedError as error:
        raise _said_by(error.failures, count) from error
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from error
        raise SystemExit(128 + error.sigval) from error


def _said_by(failures: dict[int, ProcessFailure], count: int) -> StemmaError:
    """Return why all ended: what a kill or an error made the others say comes after it."""
    rank, failure = min(failures.items(), key=lambda one: (_order(one[1]), one[1].timestamp))
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        return ModelError(
            f"process {rank + 1} of {count} was ended by {name}, and all ended with it",
            "type `dvc repro`: training goes on from the last checkpoint",
        )
    kind, line = _message(failure)
    if kind in _KINDS:
        return ModelError(line)
    return ModelError(f"process {rank + 1} of {count} ended: {kind}: {line}")


def _order(failure: ProcessFailure) -> int:
    if failure.exitcode < 0:
        # The launcher ends the others by SIGTERM.
        return 3 if -failure.exitcode == signal.SIGTERM else 0
    return 1 if _message(failure)[0] in _KINDS else 2


def _message(failure: ProcessFailure) -> tuple[str, str]:
    """Return the class of an error, and what it says."""
    said: Any = failure.error_file_data["message"] or f"exit code {failure.exitcode}"
    kind, _, line = (said["message"] if isinstance(said, dict) else said).partition(": ")
    return kind, line


@contextlib.contextmanager
def member(count: int, threads: int) -> Iterator[None]:
    """Be one of ``count`` processes: what it raises is handed to the launcher, which says it once.

    Args:
        count: as the settings say.
        threads: of torch.

    Raises:
        SettingsError: the launcher started another number of them.
        SystemExit: code 1 after an error.
    """
    _end_with_the_launcher()
    # accelerate takes a number of its own otherwise.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    from torch import distributed
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        found = int(os.environ["WORLD_SIZE"])
        if found != count:
            raise SettingsError(
                f"runtime.processes is {count}, but the launcher started {found}",
                f"use -S runtime.processes={found}, or start {count}",
            )
        yield
    except Exception as error:
        if "TORCHELASTIC_ERROR_FILE" not in os.environ:
            raise
        get_error_handler().record_exception(error)
        # Not sys.exit: a group of processes that waits for one that is gone would hold it up.
        sys.stderr.flush()
        os._exit(1)
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _end_with_the_launcher() -> None:
    # It has a session of its own, so that nothing else ends it if the launcher is killed: it would
    # go on, and write into the run that the next one goes on with.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux has it
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def first_says(find: Callable[[], T]) -> T:
    """Return what the first process finds; the others wait for it, and get the same."""
    from torch import distributed

    if not distributed.is_initialized():
        return find()
    found: list[Any] = [find() if distributed.get_rank() == 0 else None]
    distributed.broadcast_object_list(found)
    return found[0]


def wait_for_all() -> None:
    """Go on when every process has come here; one alone goes on at once."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.barrier()
