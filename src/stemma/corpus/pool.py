"""Where the pure functions of prepare run: in this process, or in a pool of processes.

A cluster's executor (a Ray pool, say) fits in by offering the same one method. The results come in
the order of the items, so the number of workers cannot change a byte.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pool(Protocol):
    """Maps a pure, picklable function over items, in order."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in the items' order."""
        ...


class SerialPool:
    """Runs everything here; for small corpora, where processes cost more to start."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item."""
        return map(function, items)


class ProcessPool:
    """A pool of processes on this machine.

    Args:
        workers: how many; 0 takes every core this process may use.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in the items' order."""
        # Fork would copy locks held by threads of pyarrow and tokenizers.
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as executor:
            yield from executor.map(function, items)
