"""Ray as the place where the pure functions of prepare run: one machine, or a cluster.

Tasks carry paths, not documents: shards are read from and written to the project's folder, which
every node must see under the same path. Ray runs the tasks of a lost node again on another.
"""

import contextlib
import os
import platform
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from stemma.errors import DataError, SettingsError

Item = TypeVar("Item")
Result = TypeVar("Result")

_STORE = 256 * 2**20  # bytes of a local cluster's object store, through which only results go
_RETRIES = 3  # how often a task is begun again whose worker or node was lost
_PATIENCE = 10  # seconds in which the cluster must take a connection


class RayPool:
    """Maps over the processors of the cluster at ``RAY_ADDRESS``, or of one begun on this machine.

    Args:
        workers: tasks at a time; 0 takes every processor of the cluster.

    Raises:
        SettingsError: Ray is not installed, or nothing answers at ``RAY_ADDRESS``.
    """

    def __init__(self, workers: int) -> None:
        self._ray = _ray()
        _connect(self._ray, workers)
        self._workers = workers
        self._call = self._ray.remote(num_cpus=1, max_retries=_RETRIES)(_run)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in the items' order.

        Raises:
            DataError: a task's worker was lost too often, or a node does not see the folder.
        """
        held, folder = self._ray.put(function), Path.cwd()
        waiting: deque[Any] = deque()
        running: list[Any] = []
        for item in items:
            if len(running) >= self._limit():
                _, running = self._ray.wait(running, num_returns=1)
            waiting.append(self._call.remote(folder, held, item))
            running.append(waiting[-1])
            while waiting[0] not in running:
                yield self._result(waiting.popleft())
                if not waiting:
                    break
        while waiting:
            yield self._result(waiting.popleft())

    def close(self) -> None:
        """Leave the cluster, or end it if it was begun here; tasks that still run are stopped."""
        self._ray.shutdown()

    def _limit(self) -> int:
        # Nodes come and go. Twice the processors, so that none waits for the next task.
        return self._workers or 2 * max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _result(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            # Its cause is what the function raised; the rest is a traceback of another machine.
            raise error.cause from None
        except errors.RayError as error:
            raise DataError(
                f"Ray lost the worker of a task {_RETRIES + 1} times"
                f" ({type(error).__name__}), as a machine does that runs out of memory",
                "lower prepare.workers, or give the nodes fewer processors",
            ) from error


def _run(folder: Path, function: Callable[[Any], Any], item: Any) -> Any:
    try:
        os.chdir(folder)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be opened on node {platform.node()} of the Ray cluster",
            "put the project into a folder that all nodes share under the same path",
        ) from error
    return function(item)


def _ray() -> ModuleType:
    # Ray reports home unless told otherwise before it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise SettingsError(
            "prepare.engine=ray needs Ray", "type `pip install 'stemma-lm[ray]'`"
        ) from error
    return ray


def _connect(ray: ModuleType, workers: int) -> None:
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"address": address or "local"}
    if not address:
        options["num_cpus"] = workers or len(os.sched_getaffinity(0))
        options["object_store_memory"] = _STORE
        options["include_dashboard"] = False
    try:
        _check_reachable(address)
        # Whoever maps shows progress and errors; what workers print stays in Ray's logs.
        ray.init(**options, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError) as error:
        with contextlib.suppress(Exception):
            ray.shutdown()
        where = f"the cluster at RAY_ADDRESS={address}" if address else "Ray on this machine"
        raise SettingsError(
            f"{where} does not answer: {str(error).strip().splitlines()[0]}",
            "start it with `ray start --head`, or use prepare.engine=pool",
        ) from error


def _check_reachable(address: str | None) -> None:
    # Ray itself tries for minutes.
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
