"""Writes records in a thread of its own: who answers only puts them into a queue.

A queue that is full, a disk that is, a file that is locked or torn: records are lost and counted,
and answers never wait for them.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from stemma.monitoring.feedback import Feedback, FeedbackError, UnavailableError
from stemma.monitoring.measured import Measured, Probe
from stemma.monitoring.records import Finished, Record
from stemma.monitoring.settings import MonitoringSettings
from stemma.monitoring.store import FILE, Store, TornError, put_aside

LOG = logging.getLogger("stemma.serve")
_MOST = 4096  # requests that wait to be recorded
_MOST_CHARACTERS = 2**26  # of their texts
_BATCH, _BATCH_CHARACTERS = 256, 2**20
_PAUSE = 0.05  # seconds in which a batch comes together
_RETRY = 1.0  # seconds after which a store that failed is tried again
_LOOK = 60.0  # seconds between two looks at what is too old
_END = 10.0  # seconds for what waits, when the server ends
# What is odd in a request loses its own record, and no other one.
_ODD = (
    ValueError, TypeError, LookupError, ArithmeticError, RecursionError, sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Given:
    feedback: Feedback
    key: str | None
    taken: concurrent.futures.Future[None]


@dataclasses.dataclass(frozen=True)
class _Told:
    id: str
    measured: Measured


_Waiting = Finished | _Given | _Told | Probe


class Recorder:
    """Takes in requests that are over, feedback on them, and what the model says of prompts.

    Args:
        root: the project.
        settings: what is kept, and for how long.
        lost: is called with a number of records whenever so many are lost, from any thread.
        listeners: are called with each record, in the thread that writes.
    """

    def __init__(
        self, root: Path, settings: MonitoringSettings, lost: Callable[[int], object],
        listeners: tuple[Callable[[Record], object], ...] = (),
    ) -> None:  # fmt: skip
        self._path, self._settings, self._lost = root / FILE, settings, lost
        self._listeners = listeners
        # Without a lock: nobody who answers ever waits for who writes.
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._came, self._went = 0, 0  # characters; each is written by one thread alone
        self._left_out = 0
        self._store: Store | None = None
        self._failing, self._missed = "", 0
        self._looked, self._last = 0.0, 0.0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def observe(self, finished: Finished) -> None:
        """Take in a request that is over; it is left out if too many wait already."""
        size = finished.characters
        if (
            self._ending or self._waiting.qsize() >= _MOST
            or self._came - self._went + size > _MOST_CHARACTERS
        ):  # fmt: skip
            self._left_out += 1
            self._lost(1)
            if self._left_out == 1:
                LOG.error("recording: it does not keep up, and records are left out")
            return
        self._came += size
        self._waiting.put(finished)

    def take(self, feedback: Feedback, key: str | None) -> concurrent.futures.Future[None]:
        """Take in feedback.

        Returns:
            Done once it is written; it raises FeedbackError if it is not taken.
        """
        given = _Given(feedback, key, concurrent.futures.Future())
        if self._ending or self._waiting.qsize() >= _MOST:
            given.taken.set_exception(UnavailableError("too much waits", "try again soon"))
        else:
            self._waiting.put(given)
        return given.taken

    def measured(self, name: str, measured: Measured) -> None:
        """Take in what the model says of the prompt of a request.

        Args:
            name: id of the answer, of which `observe` was told before.
            measured: what it says; it is left out if too much waits already, and nobody misses it.
        """
        self._add(_Told(name, measured))

    def probed(self, probe: Probe) -> None:
        """Take in what an engine says of a prompt of the reference; left out as ``measured`` is."""
        self._add(probe)

    def _add(self, one: _Told | Probe) -> None:
        if not self._ending and self._waiting.qsize() < _MOST:
            self._waiting.put(one)

    def close(self) -> None:
        """Write what waits, as long as that takes no more than seconds, and end."""
        self._ending = True
        self._waiting.put(None)
        self._thread.join(_END)
        if self._thread.is_alive():
            LOG.error("recording: what waits is lost, as nothing can be written in time")

    def _run(self) -> None:
        ended = False
        self._write([])
        while not ended:
            batch = self._batch()
            ended = None in batch
            self._write([one for one in batch if one is not None])
        if missed := self._missed + self._left_out:
            LOG.error("recording: %d records were lost", missed)
        if self._store:
            self._store.close()

    def _batch(self) -> list[_Waiting | None]:
        """Wait for something, or until it is time to look at what is too old."""
        batch: list[_Waiting | None] = []
        with contextlib.suppress(queue.Empty):
            batch.append(self._waiting.get(timeout=_LOOK))
            if batch[0] is not None and not self._ending:
                time.sleep(_PAUSE)
            size = 0
            while len(batch) < _BATCH and size < _BATCH_CHARACTERS and batch[-1] is not None:
                size += batch[-1].characters if isinstance(batch[-1], Finished) else 0
                batch.append(self._waiting.get_nowait())
        return batch

    def _write(self, batch: list[_Waiting]) -> None:
        try:
            try:
                self._try(batch)
            except TornError as error:
                self._begin_anew(error)
                self._try(batch)
        except (sqlite3.Error, OSError, TornError) as error:
            self._fail(batch, error)
        else:
            # What goes wrong here is told by the next write.
            with contextlib.suppress(sqlite3.Error, OSError, TornError):
                assert self._store
                self._store.shrink()
        self._went += sum(one.characters for one in batch if isinstance(one, Finished))

    def _try(self, batch: list[_Waiting]) -> None:
        """Write a batch, or nothing of it.

        Raises:
            TornError: the file is no whole database.
            OSError: it cannot be made.
            sqlite3.Error: it cannot be written now.
        """
        if self._store and not self._store.is_there():
            self._store.close()
            self._store = None
        self._store = self._store or Store(self._path, self._settings)
        done: list[tuple[_Given, FeedbackError | None]] = []
        records: list[Record] = []
        with self._store.transaction():
            for one in batch:
                if isinstance(one, _Given):
                    done.append((one, self._taken(self._store, one)))
                elif isinstance(one, Finished):
                    records += self._added(self._store, one)
                else:
                    _keep(self._store, one)
            if time.monotonic() - self._looked > _LOOK or not self._looked:
                self._store.expire(time.time())
                self._looked = time.monotonic()
        if self._failing:
            LOG.warning("recording again; %d records were lost", self._missed)
            self._failing, self._missed = "", 0
        for given, error in done:
            given.taken.set_exception(error) if error else given.taken.set_result(None)
        for record in records:
            for tell in self._listeners:
                tell(record)

    def _taken(self, store: Store, given: _Given) -> FeedbackError | None:
        try:
            store.take(given.feedback, given.key)
        except FeedbackError as error:
            return error
        return None

    def _added(self, store: Store, finished: Finished) -> list[Record]:
        if finished.time < self._last:
            LOG.warning(
                "the clock was set back by %.0f s; records keep their order by number",
                self._last - finished.time,
            )
        self._last = finished.time
        try:
            return [store.add(finished)]
        except _ODD as error:
            self._lost(1)
            LOG.error("recording: the record of %s is lost: %s", finished.id, type(error).__name__)
            return []

    def _begin_anew(self, error: TornError) -> None:
        if self._store:
            self._store.close()
        self._store, self._looked = None, 0.0
        aside = put_aside(self._path)
        LOG.error("recording: %s; it is kept as %s, and a new one is begun", error.message, aside)

    def _fail(self, batch: list[_Waiting], error: Exception) -> None:
        """Count what is lost; say it once until it works again."""
        if self._store:
            self._store.close()
            self._store = None
        records = sum(isinstance(one, Finished) for one in batch)
        if records:
            self._lost(records)
            self._missed += records
        why = f"{self._path} cannot be written: {error}"
        if not self._failing:
            LOG.error(
                "recording: %s; %d records are lost, and those to come until it can be "
                "(answers go on)", why, records,
            )  # fmt: skip
        self._failing = why
        for one in batch:
            if isinstance(one, _Given) and not one.taken.done():
                one.taken.set_exception(
                    UnavailableError("feedback cannot be written now", "try again soon")
                )
        if not self._ending:
            time.sleep(_RETRY)


def _keep(store: Store, one: _Told | Probe) -> None:
    if isinstance(one, Probe):
        store.probe(one)
    else:
        store.measure(one.id, one.measured)
