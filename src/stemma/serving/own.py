"""A server of one's own on loopback, for as long as a block runs."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from stemma.store.errors import ProjectError

_READY = re.compile(r"ready: (http://\S+)$", re.MULTILINE)
_PAUSE = 0.1
_PATIENCE = 20  # seconds for its end
_REGISTERED = re.compile(r"[@#]|^v?\d+\.\d+\.\d+")


def words_for(version: str | None, path: Path | None) -> list[str]:
    """Return what `stemma serve` is told: a folder, a registered version, or any commit."""
    if path is not None:
        return ["--path", str(path)]
    assert version is not None
    return ["--version" if _REGISTERED.search(version) else "--rev", version]


@contextlib.contextmanager
def serving(words: Sequence[str]) -> Iterator[str]:
    """Start `stemma serve` on a free port, and end it with the block; yields its address.

    Args:
        words: what it is to serve.

    Raises:
        ProjectError: it does not start; its own line says why.
    """
    # Whoever sits at this machine may ask: there is no key to hand over.
    command = [sys.executable, "-P", "-m", "stemma.cli", "serve", *words]
    command += ["--port", "0", "--set", "keys=null"]
    with tempfile.NamedTemporaryFile(prefix="stemma-", suffix=".log") as log, _ending():
        # A session of its own: Ctrl-C stops an answer, and not the server.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        try:
            yield _address(process, Path(log.name))
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while True:
        ended = process.poll() is not None
        told = log.read_text(encoding="utf-8", errors="replace")
        if found := _READY.search(told):
            return found[1]
        if ended:
            lines = [line for line in told.splitlines() if line.strip()]
            last = lines[-1].removeprefix("stemma: ") if lines else "it said nothing"
            raise ProjectError(f"the server did not start: {last}")
        time.sleep(_PAUSE)


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Let a closed terminal and a `kill` end the block, and so what it started."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {one: signal.signal(one, end) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
