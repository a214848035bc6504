"""Trials as DVC's experiments: started, watched while they train, ended, found again.

DVC runs an experiment in a copy of the project below .dvc/tmp/exps, and says where in a file of
its own (``run/*/*.run``). Where that training writes its losses, a hard link keeps them: DVC
deletes the copy as soon as the experiment is over. To end a trial is to end the process that
trains: DVC then clears up after itself as after any stage that fails.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from stemma.modeling.examples.held_out import FILE
from stemma.optimising import losses
from stemma.store import git
from stemma.store.errors import ProjectError

Progress = Literal["running", "done", "failed"]
TRAIN = ("compose", "train")
"""The stages of a trial. No other depends on what may be searched; they alone are run, and in any
case, since outputs that DVC has cached come without their losses."""
_EXPS = Path(".dvc/tmp/exps")
FAILED = 4  # dvc.repo.experiments.executor.base.TaskStatus
PATIENCE = 20.0  # seconds for DVC to clear up
POLL = 0.1


class Experiment:
    """One run of ``dvc exp run --temp``, in a process of its own.

    Args:
        name: of the experiment.
        overrides: that it is made with.
        folder: of the study.
        head: the commit that it stands on.
        root: the project.
        stages: that are run, by themselves; none for all that is stale.
    """

    def __init__(
        self,
        name: str,
        overrides: Sequence[str],
        folder: Path,
        head: str,
        root: Path,
        stages: Sequence[str] = TRAIN,
    ) -> None:
        self.name, self.overrides, self.root = name, list(overrides), root
        self.stages = list(stages)
        self.ref = f"refs/exps/{head[:2]}/{head[2:]}/{name}"
        self.kept, self.log = folder / f"{name}.jsonl", folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin; what a killed attempt has left is cleared up first."""
        self.clear()
        self.kept.unlink(missing_ok=True)
        self._launch(["--temp"])

    def _launch(self, how: Sequence[str]) -> None:
        command = [sys.executable, "-m", "dvc", *self._words(how)]
        with self.log.open("wb") as log:
            # Its own session: Ctrl-C is for whoever searches, who ends trials in order.
            self._process = subprocess.Popen(
                command,
                cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.log.with_suffix(".pid").write_text(str(self._process.pid), encoding="utf-8")

    def _words(self, how: Sequence[str]) -> list[str]:
        """Return what is typed behind ``dvc``."""
        only = ["--single-item", "--force"] if self.stages else []
        sets = [word for one in self.overrides for word in ("-S", one)]
        return ["exp", "run", *how, *only, "--name", self.name, *sets, *self.stages]

    @property
    def commit(self) -> str | None:
        """The commit that DVC made of it; None while there is none."""
        with contextlib.suppress(ProjectError):
            return git.run(["rev-parse", "--verify", "--quiet", self.ref], self.root).strip()
        return None

    def poll(self) -> Progress:
        """Say how far it is, and hold on to the losses that it writes."""
        self.hold()
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            return "running"
        return "done" if code == 0 and self.commit else "failed"

    def table(self) -> losses.Table | None:
        """Return the losses that it has written so far."""
        return losses.read(self.kept)

    def why(self) -> str:
        """Return in a line why it failed."""
        with contextlib.suppress(FileNotFoundError):
            said = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
            told = [line for line in said if line.startswith(("stemma ", "ERROR: "))]
            if told:
                return told[0].removeprefix("ERROR: ")
        return f"see {self.log}"

    def end(self) -> None:
        """End it, and wait until nothing is left of it but its record."""
        self.hold()
        process = self._process
        if not self._end_training() and process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        self._wait()
        self.clear()

    def _wait(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def clear(self) -> None:
        """Remove what an attempt that was killed has left: processes, a copy, a result."""
        pid_file = self.log.with_suffix(".pid")
        if pid_file.exists():
            self._end_left_over(int(pid_file.read_text(encoding="utf-8") or 0))
            pid_file.unlink()
        place = self.place()
        if place is not None:
            shutil.rmtree(place[0], ignore_errors=True)
        if self.commit:
            git.run(["update-ref", "-d", self.ref], self.root)

    def _end_left_over(self, leader: int) -> None:
        command = Path(f"/proc/{leader}/cmdline")
        with contextlib.suppress(OSError):
            if self.name.encode() not in command.read_bytes().split(b"\0"):
                return  # the number is another's by now
            if not self._end_training():
                os.killpg(leader, signal.SIGINT)
            end = time.monotonic() + PATIENCE
            while command.exists() and command.read_bytes() and time.monotonic() < end:
                time.sleep(POLL)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)

    def place(self) -> tuple[Path, int] | None:
        """Return the copy in which DVC runs it, and DVC's status of it; None if it has none yet."""
        found: list[tuple[float, Path, int]] = []
        for path in (self.root / _EXPS / "run").glob("*/*.run"):
            with contextlib.suppress(OSError, ValueError):
                told = json.loads(path.read_text(encoding="utf-8"))
                if told.get("name") == self.name:
                    place = Path(told["root_dir"])
                    found.append((path.stat().st_mtime, place, told["status"]))
        return max(found)[1:] if found else None

    def hold(self) -> None:
        """Link the losses, as soon as there are some."""
        place = None if self.kept.exists() else self.place()
        for path in sorted(place[0].glob(f"runs/train/*/{FILE}")) if place else ():
            with contextlib.suppress(OSError):
                os.link(path, self.kept)

    def _end_training(self) -> bool:
        """Send SIGTERM to the training of this experiment; return whether it is under way here."""
        table = self.table()
        if table is None or not self._runs_here(table.pid):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(table.pid, signal.SIGTERM)
        return True

    def _runs_here(self, pid: int) -> bool:
        """Say whether a process is the training of this experiment, and no other by now."""
        # On other systems a process's folder is not told, and the losses say that it trains.
        if not Path("/proc/self/cwd").exists():
            return True
        place = self.place()
        with contextlib.suppress(OSError):
            return place is not None and Path(f"/proc/{pid}/cwd").resolve() == place[0].resolve()
        return False
