"""A version that runs: its engine, what waits for it, and its restart when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, Literal

from stemma.errors import ModelError, StemmaError
from stemma.serving import memory
from stemma.serving.engines.backend import Backend, backend_of
from stemma.serving.metrics import Meter
from stemma.serving.process import GoneError, RefusedRequestError
from stemma.serving.settings import ServingSettings
from stemma.serving.source import Source

LOG = logging.getLogger("stemma.serve")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds before a restart
_SMOKE_TOKENS = 8
GREEDY: dict[str, Any] = {
    "do": "generate", "max_tokens": _SMOKE_TOKENS, "strict": False, "n": 1, "temperature": 0.0,
    "top_p": 1.0, "top_k": 0, "seed": 0, "logprobs": None, "stop": [], "schema": None,
}  # fmt: skip


class BusyError(StemmaError):
    """Too much waits already."""


class AwayError(StemmaError):
    """The engine is not there at the moment."""


class Deployment:
    """Runs a version from `start` to `end`.

    Args:
        source: the version.
        settings: how it is served.
        root: the project.
        meter: takes what happens.

    Attributes:
        facts: what its engine tells of itself.
        state: ``starting``, ``ready``, ``restarting`` or ``ended``.
        inside: sequences that run or wait.
    """

    def __init__(self, source: Source, settings: ServingSettings, root: Path, meter: Meter) -> None:
        self.source, self.settings, self.meter = source, settings, meter
        self.facts: dict[str, Any] = {}
        self.state: Literal["starting", "ready", "restarting", "ended"] = "starting"
        self.inside = 0
        self._root = root
        self._stack = contextlib.ExitStack()
        self._backend: Backend | None = None
        self._watch: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def name(self) -> str:
        """By which clients ask for it."""
        return self.source.name

    @property
    def backend(self) -> Backend | None:
        """What runs it."""
        return self._backend

    async def start(self) -> None:
        """Fetch and lay out the files, start the engine, and try it.

        Raises:
            StemmaError: it does not fit, does not start, or does not answer; nothing is left of it.
        """
        try:
            memory.check(self.name, self.source.bytes, self.settings.memory_share)
            enter = self._stack.enter_context
            self._folder = await asyncio.to_thread(enter, self.source.folder(self._root))
            await self._begin()
        except BaseException:
            await self._leave()
            raise
        self.state = "ready"
        self._watch = asyncio.create_task(self._keep_alive())

    @contextlib.contextmanager
    def admitted(self, sequences: int) -> Iterator[None]:
        """Hold room for sequences.

        Raises:
            AwayError: the engine is not there.
            BusyError: too many wait already.
        """
        if self.state != "ready":
            raise AwayError(f"the engine of {self.name} is {self.state}", "try again soon")
        if self.inside + sequences > self.settings.running + self.settings.waiting:
            raise BusyError(f"{self.inside} sequences run or wait already", "try again soon")
        self.inside += sequences
        self._count()
        self._empty.clear()
        try:
            yield
        finally:
            self.inside -= sequences
            self._count()
            if not self.inside:
                self._empty.set()

    async def ask(self, message: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Send a message to the engine, and yield what comes back.

        Raises:
            AwayError: the engine ends.
            RefusedRequestError: the model cannot do this.
        """
        if self._backend is None:
            raise AwayError(f"the engine of {self.name} is {self.state}", "try again soon")
        try:
            async with contextlib.aclosing(self._backend.ask(message)) as answers:
                async for told in answers:
                    yield told
        except GoneError as error:
            raise AwayError(f"the engine of {self.name} has ended", "try again soon") from error

    async def end(self, seconds: float = 0) -> None:
        """End it, once nothing runs any more, or after so many seconds."""
        if seconds and self.state == "ready":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)
        self.state = "ended"
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._leave()

    def _count(self) -> None:
        self.meter.running.set(min(self.inside, self.settings.running))
        self.meter.waiting.set(max(0, self.inside - self.settings.running))

    async def _begin(self) -> None:
        backend = backend_of(self._folder, self.settings)
        self._backend = backend
        self.facts = await backend.start(self.settings.start_seconds)
        try:
            async with asyncio.timeout(self.settings.start_seconds):
                await self._try()
        except TimeoutError as error:
            raise ModelError(
                f"it did not answer its smoke prompts in {self.settings.start_seconds:g} s",
                "set start_seconds",
            ) from error

    async def _try(self) -> None:
        """Ask what a new version must answer."""
        for prompt in self.settings.smoke:
            do = "generate" if self.facts["generates"] else "embed"
            message = GREEDY | {"do": do, "prompts": [prompt], "text": prompt}
            try:
                async for _ in self.ask(message):
                    pass
            except (AwayError, RefusedRequestError) as error:
                raise ModelError(
                    f"its smoke prompt {prompt!r} is not answered: {error.message}", error.hint
                ) from error

    async def _keep_alive(self) -> None:
        """Start the engine anew whenever it ends."""
        pause = _FIRST_PAUSE
        while True:
            assert self._backend
            await self._backend.ended.wait()
            self.state = "restarting"
            self.meter.restarts.inc()
            LOG.error("%s: its engine has ended; it is started again", self.name)
            while self.state == "restarting":
                try:
                    await self._begin()
                    self.state, pause = "ready", _FIRST_PAUSE
                    LOG.info("%s: ready again", self.name)
                except StemmaError as error:
                    assert self._backend
                    await self._backend.stop()
                    LOG.error("%s: %s; again in %g s", self.name, error, pause)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)

    async def _leave(self) -> None:
        self.state = "ended"
        if self._backend:
            await self._backend.stop()
        await asyncio.to_thread(self._stack.close)
