"""`stemma chat` on a terminal."""

import contextlib
import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

from project import environment

COMMAND = [sys.executable, "-P", "-m", "stemma.cli", "chat"]
SECONDS = 60


class Terminal:
    """Runs a command on a terminal."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            # Ignored where the tests were started in the background.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.chdir(folder)
            os.execve(sys.executable, [*COMMAND, *words], environment() | {"TERM": "dumb"})
        self.told = ""

    def say(self, text: str) -> None:
        os.write(self._end, text.encode())

    def wait(self, pattern: str) -> None:
        """Wait until it says something that it has not said when it was last waited for."""
        end = time.monotonic() + SECONDS
        while not (found := re.search(pattern, self.told)):
            ready, _, _ = select.select([self._end], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {pattern}: {self.told!r}"
            self.told += os.read(self._end, 4096).decode(errors="replace")
        self.told = self.told[found.end() :]

    def press(self, key: str, pattern: str) -> None:
        """Press a key until it is heard: readline shows its prompt a moment before it listens."""
        for _ in range(SECONDS):
            self.say(key)
            if select.select([self._end], [], [], 1)[0]:
                break
        self.wait(pattern)

    def end(self) -> int:
        with contextlib.suppress(OSError):
            while os.read(self._end, 4096):
                pass
        os.close(self._end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
