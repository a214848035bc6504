"""A stage in several processes: torchrun's agent starts them, and the end of one ends all.

``runtime.processes`` says how many. Where it is more than one, the stage's own process becomes the
agent of ``torchrun --standalone``, and starts the same module so many times; where a launcher has
started it already (torchrun on several machines, Slurm), it is one of them.
https://pytorch.org/docs/stable/elastic/run.html
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from stemma.environment import RuntimeSettings
from stemma.errors import ModelError, SettingsError, StemmaError

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

T = TypeVar("T")
Item = TypeVar("Item")
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_KINDS = {kind.__name__ for kind in StemmaError.__subclasses__()}


def run(
    module: str, runtime: RuntimeSettings, work: Callable[[], None], *, exactly: bool, remedy: str
) -> None:
    """Do the work of a stage, in several processes where the runtime declares them.

    Args:
        module: the stage's own, as ``python -m`` takes it.
        runtime: says how many processes, each with how many threads.
        work: what each process does.
        exactly: whether the outputs depend on how many there are. If not, so many are started as
            this machine has room for, and a launcher may start any number.
        remedy: what to type after one of them was killed.

    Raises:
        ModelError: one of them ended before its work, or has an error; all have ended then.
        SettingsError: a launcher started another number of them.
    """
    if "WORLD_SIZE" in os.environ:
        with _member(runtime.threads):
            if exactly:
                _check(runtime.processes)
            work()
        return
    count = runtime.processes
    if count > 1 and not exactly:
        count = min(count, _room(runtime))
    if count > 1:
        _spread(module, count, remedy)
    else:
        work()


def _check(count: int) -> None:
    found = int(os.environ["WORLD_SIZE"])
    if found != count:
        raise SettingsError(
            f"runtime.processes is {count}, but the launcher started {found}",
            f"use -S runtime.processes={found}, or start {count}",
        )


def _room(runtime: RuntimeSettings) -> int:
    """Return how many processes have a GPU, or processors, of their own on this machine."""
    if runtime.device != "cpu":
        import torch

        if devices := torch.cuda.device_count():
            return devices
    return max(1, len(os.sched_getaffinity(0)) // runtime.threads)


def _spread(module: str, count: int, remedy: str) -> None:
    """Run a module in several processes of this machine, and wait for them.

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
        raise _said_by(error.failures, count, remedy) from error
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from error
        raise SystemExit(128 + error.sigval) from error


def _said_by(failures: dict[int, ProcessFailure], count: int, remedy: str) -> StemmaError:
    """Return why all ended: what a kill or an error made the others say comes after it."""
    rank, failure = min(failures.items(), key=lambda one: (_order(one[1]), one[1].timestamp))
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        return ModelError(
            f"process {rank + 1} of {count} was ended by {name}, and all ended with it",
            remedy,
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
def _member(threads: int) -> Iterator[None]:
    """Be one of several processes: what it raises is handed to the launcher, which says it once.

    Args:
        threads: of torch.

    Raises:
        SystemExit: code 1 after an error.
    """
    _end_with_the_launcher()
    # accelerate takes a number of its own otherwise.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    from torch import distributed
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
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


def meet() -> None:
    """Wait until all that a launcher has started are there; each takes a GPU, if there is one."""
    if "WORLD_SIZE" not in os.environ:
        return
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    # What is exchanged are Python's objects.
    torch.distributed.init_process_group("gloo")


def is_first() -> bool:
    """Return whether this process is the one that writes and speaks; one alone is."""
    return os.environ.get("RANK", "0") == "0"


def silence() -> bool | None:
    """Return what tqdm takes as ``disable``: the first process alone shows bars, on a terminal."""
    return None if is_first() else True


def share(items: Iterable[Item], work: Callable[[Item], T]) -> Iterator[T]:
    """Yield ``work(item)`` for each item, in order; every process does its share and gets all.

    Args:
        items: the same in every process.
        work: gives something that can be pickled and lies on no GPU, the same in any process.
    """
    from torch import distributed

    if not distributed.is_initialized():
        yield from map(work, items)
        return
    rank, count = distributed.get_rank(), distributed.get_world_size()
    rest = iter(items)
    while together := list(islice(rest, count)):
        found: list[Any] = [None] * count
        distributed.all_gather_object(found, work(together[rank]) if rank < len(together) else None)
        yield from found[: len(together)]


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
