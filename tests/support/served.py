"""A real server in a process of its own, over loopback."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from project import environment

SECONDS = 120  # for whatever is waited for


class Served:
    """A server that runs.

    Attributes:
        url: of it.
        process: of it.
        log: what it has said, line by line.
    """

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-P", "-m", "stemma.cli", "serve", "--port", "0", *words]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment() | {"OMP_NUM_THREADS": "1"}, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.log: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = ""
        self.client = httpx.Client(timeout=SECONDS, headers={"Connection": "close"})

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log.append(line.rstrip())
            self._lines.put(line)
        self._lines.put(None)

    def ready(self) -> "Served":
        """Wait until it can be asked."""
        self.url = self.said(r"ready: (http://\S+)")[1]
        return self

    def said(self, pattern: str, after: int = 0) -> re.Match[str]:
        """Wait until it says something behind so many lines, and return what matches."""
        until = time.monotonic() + SECONDS
        while (left := until - time.monotonic()) > 0:
            for line in self.log[after:]:
                if found := re.search(pattern, line):
                    return found
            with contextlib.suppress(queue.Empty):
                self._lines.get(timeout=min(left, 0.2))
            if self.process.poll() is not None and not any(
                re.search(pattern, line) for line in self.log
            ):
                time.sleep(0.2)
                assert any(re.search(pattern, line) for line in self.log), self.told()
        raise AssertionError(f"it never said {pattern}: {self.told()}")

    def told(self) -> str:
        """Return the last lines that it has said, but those of requests."""
        return "\n".join([line for line in self.log if " I POST " not in line][-15:])

    def get(self, path: str, **how: Any) -> httpx.Response:
        """Ask for a page."""
        return self.client.get(self.url + path, **how)

    def post(self, path: str, body: Any = None, **how: Any) -> httpx.Response:
        """Send a body."""
        return self.client.post(
            self.url + path, **({"json": body} if body is not None else {}), **how
        )

    def chat(self, text: str = "hello", **fields: Any) -> dict[str, Any]:
        """Return the answer to a message, which is taken greedily."""
        body = {"model": "lm", "messages": [{"role": "user", "content": text}], "temperature": 0}
        return self.post("/v1/chat/completions", body | fields).json()

    def end(self) -> int:
        """Tell it to end, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def engines(self) -> list[int]:
        """Return the processes of its engines."""
        found = []
        for place in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                words = (place / "cmdline").read_bytes().split(b"\0")
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                if b"stemma.serving.worker" in words and parent == self.process.pid:
                    found.append(int(place.name))
        return found


@contextlib.contextmanager
def serving(folder: Path, *words: str) -> Iterator[Served]:
    """Run a server for as long as it is needed."""
    one = Served(folder, *words)
    try:
        yield one.ready()
    finally:
        one.process.send_signal(signal.SIGTERM) if one.process.poll() is None else None
        try:
            one.process.wait(20)
        except subprocess.TimeoutExpired:
            os.kill(one.process.pid, signal.SIGKILL)
        one.client.close()


def lay_down(folder: Path, content: dict[str, bytes]) -> Path:
    """Write the files of a model."""
    folder.mkdir(parents=True)
    for name, raw in content.items():
        (folder / name).write_bytes(raw)
    return folder
