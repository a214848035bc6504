"""Trials through DVC's queue, for several workers."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from stemma.optimising.experiments import FAILED, PATIENCE, POLL, Experiment, Progress
from stemma.store.errors import ProjectError

_WAKE = 30.0  # seconds after which DVC is asked for workers again: they leave an empty queue
_QUEUED = ".queued"


class Queued(Experiment):
    """One task of DVC's queue; its workers run on when whoever searches is killed.

    Args:
        jobs: how many workers there are to be.
        others: as `Experiment`.
    """

    def __init__(self, jobs: int, *others: object, **named: object) -> None:
        super().__init__(*others, **named)  # type: ignore[arg-type]
        self._jobs, self._woken = jobs, 0.0

    def _launch(self, how: Sequence[str]) -> None:
        self._mark.touch()
        _dvc(self._words(["--queue"]), self.root, self.log)
        self._wake()

    def poll(self) -> Progress:
        """Say how far it is, and hold on to the losses that it writes."""
        self.hold()
        place = self.place()
        if self.commit and not (place and place[0].exists()):
            self._mark.unlink(missing_ok=True)
            return "done"
        if place is not None and place[1] == FAILED and not place[0].exists():
            return "failed"
        if time.monotonic() - self._woken > _WAKE:
            self._wake()
        return "running"

    def why(self) -> str:
        """Return in a line why it failed."""
        _dvc(["queue", "logs", self.name], self.root, self.log, check=False)
        return super().why()

    def end(self) -> None:
        """End it, and wait until nothing is left of it but its record."""
        self.hold()
        self.clear()

    def clear(self) -> None:
        """Remove what an attempt has left: its task, a process, a copy, a result."""
        if self._mark.exists():
            # While it waits; afterwards, when it has failed.
            _dvc(["queue", "remove", self.name], self.root, None, check=False)
            place = self.place()
            self._end_training()
            end = time.monotonic() + PATIENCE
            while place and place[0].exists() and time.monotonic() < end:
                time.sleep(POLL)
                self._end_training()
            _dvc(["queue", "remove", self.name], self.root, None, check=False)
            self._mark.unlink()
        super().clear()

    @property
    def _mark(self) -> Path:
        return self.log.with_suffix(_QUEUED)

    def _wake(self) -> None:
        _dvc(["queue", "start", "--jobs", str(self._jobs)], self.root, None)
        self._woken = time.monotonic()


def _dvc(words: Sequence[str], root: Path, log: Path | None, check: bool = True) -> None:
    with open(log or os.devnull, "wb") as said:  # noqa: PTH123 (devnull is no path on some systems)
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(
            command, cwd=root, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False
        )
    if check and done.returncode:
        raise ProjectError(
            f"dvc {' '.join(words[:2])} failed", f"see {log or '`dvc queue status`'}"
        )
