"""A worker as the server sees it: a process that is asked, and may die."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from stemma.errors import ModelError, StemmaError

_LINE = 2**26  # bytes of one message
_KEPT = 5  # lines of its standard error that an error tells


class GoneError(StemmaError):
    """The process ended before it had answered."""


class RefusedRequestError(StemmaError):
    """The model cannot do what a request asks.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, message: str, hint: str, status: int) -> None:
        super().__init__(message, hint)
        self.status = status


class Process:
    """Runs `stemma.serving.worker` on a folder.

    Args:
        folder: with models/exported, and models/base if that is an adapter.
        settings: of the engine.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._folder, self._settings = folder, settings
        self._open: dict[int, asyncio.Queue[dict[str, Any] | None]] = {}
        self._ids = itertools.count(1)
        self._said: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.ended = asyncio.Event()

    async def start(self, seconds: float) -> dict[str, Any]:
        """Start it, and return what its engine tells of itself once it can be asked.

        Raises:
            ModelError: it ends, or is not ready in time.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "stemma.serving.worker", str(self._folder),
            json.dumps(self._settings), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=_LINE,
            start_new_session=True,
        )  # fmt: skip
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._tasks = [
            asyncio.create_task(self._listen(ready)), asyncio.create_task(self._overhear()),
        ]  # fmt: skip
        try:
            return await asyncio.wait_for(ready, seconds)
        except TimeoutError as error:
            await self.stop()
            raise ModelError(
                f"its engine was not ready after {seconds:g} s", "set start_seconds"
            ) from error

    @property
    def pid(self) -> int | None:
        """Of the process; None before it is started."""
        return self._process.pid if self._process else None

    async def ask(self, message: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Send a message, and yield what comes back; leaving the loop cancels the request.

        Raises:
            GoneError: the process ends.
            RefusedRequestError: the model cannot do this.
        """
        if self.ended.is_set():
            raise GoneError("the engine has ended")
        key = next(self._ids)
        answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._open[key] = answers
        done = False
        try:
            self._send(message | {"id": key})
            while not done:
                told = await answers.get()
                if told is None:
                    done = True
                    raise GoneError("the engine ended before it had answered")
                done = any(word in told for word in ("done", "result", "error"))
                if "error" in told:
                    raise RefusedRequestError(told["error"], told["hint"], told["status"])
                yield told
        finally:
            del self._open[key]
            if not done:
                self._send({"do": "cancel", "id": key})

    async def stop(self) -> None:
        """End it, and wait until it is gone."""
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process and self._process.stdin
        # Its end is noticed where its answers are read.
        with contextlib.suppress(OSError, RuntimeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _listen(self, ready: asyncio.Future[dict[str, Any]]) -> None:
        assert self._process and self._process.stdout
        try:
            async for line in self._process.stdout:
                told = json.loads(line)
                if "ready" in told:
                    ready.set_result(told["ready"])
                elif (answers := self._open.get(told["id"])) is not None:
                    answers.put_nowait(told)
        finally:
            code = await self._process.wait()
            self.ended.set()
            if not ready.done():
                ready.set_exception(ModelError(self._why(code)))
            for answers in self._open.values():
                answers.put_nowait(None)

    async def _overhear(self) -> None:
        assert self._process and self._process.stderr
        async for line in self._process.stderr:
            self._said = [*self._said, line.decode(errors="replace").strip()][-_KEPT:]

    def _why(self, code: int) -> str:
        said = next((line for line in reversed(self._said) if line), "")
        if code < 0:
            return f"its engine was killed by {signal.Signals(-code).name}"
        return said.removeprefix("stemma serve: ") or f"its engine ended with exit code {code}"
