"""Where the pure functions of prepare run: in this process, or in a pool of processes.

A cluster's executor (`cluster.RayPool`) offers the same one method. The results come in the order
of the items, so neither the engine nor the number of workers can change a byte.
"""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Protocol, TypeVar

from stemma.corpus.settings import Engine
from stemma.corpus.sharding.cluster import RayPool
from stemma.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")

_SMALL = 32 * 2**20  # bytes of text that one process handles before others have started


class Pool(Protocol):
    """Maps a pure, picklable function over items, in order."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in the items' order."""
        ...


class SerialPool:
    """Runs everything in this process; for small corpora, where starting others takes longer."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item."""
        return map(function, items)


class ProcessPool:
    """A pool of processes on this machine, started once and used for every map.

    Args:
        workers: how many processes.
    """

    def __init__(self, workers: int) -> None:
        # Fork would copy locks held by threads of pyarrow and tokenizers.
        context = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(workers, context, initializer=_die_with_parent)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in the items' order.

        Raises:
            DataError: a worker was killed.
        """
        try:
            yield from self._executor.map(function, items)
        except BrokenProcessPool as error:
            raise DataError(
                "a worker process was killed, as a machine does that runs out of memory",
                "lower prepare.workers",
            ) from error

    def close(self) -> None:
        """Stop the processes; calls that still wait are not begun."""
        self._executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def open_pool(engine: Engine, workers: int, items: int, size: int) -> Iterator[Pool]:
    """Return the pool that suits the work.

    Args:
        engine: ``pool`` for this machine's processes, or ``ray``.
        workers: at most; 0 takes every core that this process, or Ray, may use.
        items: how many items there are to map over.
        size: bytes of text in them.

    Raises:
        SettingsError: Ray is not installed, or its cluster does not answer.
    """
    if engine == "ray":
        with contextlib.closing(RayPool(workers)) as pool:
            yield pool
        return
    workers = min(workers or len(os.sched_getaffinity(0)), items)
    if workers == 1 or size < _SMALL:
        yield SerialPool()
        return
    with contextlib.closing(ProcessPool(workers)) as pool:
        yield pool


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    # A killed parent cannot stop its workers, which would wait for work for ever.
    wait([sentinel])
    os._exit(1)
