"""Asks versions that run what they make of prompts: of clients, and of those of the reference.

No answer waits for it but for one pass over a few hundred tokens, which is as long as running
answers wait for any new prompt; and it takes no more than a twentieth of the time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any

from stemma.errors import StemmaError
from stemma.modeling.prompts import packed
from stemma.monitoring import reference
from stemma.monitoring.measured import Measured, Probe, measured_of
from stemma.monitoring.recorder import Recorder
from stemma.monitoring.reference import Reference
from stemma.monitoring.settings import MonitoringSettings
from stemma.serving.deployment import Deployment

LOG = logging.getLogger("stemma.serve")
_PROBES = 32  # prompts of the reference
_TIMES = 20  # as long as it took to ask, nothing is asked
_SECONDS = 60.0  # for an answer
_PAUSE = 0.2  # seconds between two looks whether an engine is idle
_PATIENCE = 30.0  # seconds after which a moment will do in which nobody waits


class Measurer:
    """Asks, one prompt at a time.

    Args:
        settings: how often.
        recorder: takes what is said.
    """

    def __init__(self, settings: MonitoringSettings, recorder: Recorder) -> None:
        self._settings, self._recorder = settings, recorder
        self._common: dict[Deployment, str | None] = {}
        self._asking: asyncio.Task[None] | None = None
        self._next = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, deployment: Deployment) -> None:
        """Begin to ask a version, once it runs, what it makes of the prompts of its reference."""
        self._start(self._accompany(deployment))

    def observe(self, generation: Any) -> None:
        """Take in a request that is over, and ask what the model makes of it, if there is time."""
        per_minute, deployment = self._settings.measured_per_minute, generation.deployment
        if (
            not per_minute or generation.failure is not None or self._asking
            or time.monotonic() < self._next or deployment not in self._common
            or not _is_free(deployment, deployment.settings.running)
        ):  # fmt: skip
            return
        self._next = time.monotonic() + 60 / per_minute
        prompt = generation.message["prompts"][0]
        self._asking = self._start(self._measure(deployment, generation.id, prompt))

    async def end(self) -> None:
        """Ask nothing more."""
        for one in self._tasks:
            one.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _measure(self, deployment: Deployment, name: str, prompt: Any) -> None:
        begun = time.monotonic()
        try:
            self._recorder.measured(name, await self._ask(deployment, prompt))
        except (StemmaError, TimeoutError) as error:
            LOG.debug("%s says nothing of a prompt: %s", deployment.name, error)
        finally:
            self._asking = None
            now = time.monotonic()
            self._next = max(self._next, now + _TIMES * (now - begun))

    async def _ask(self, deployment: Deployment, prompt: Any) -> Measured:
        """Return what a version says of a prompt.

        Raises:
            StemmaError: it is away, or refuses.
            TimeoutError: it does not say it in time.
        """
        message = {"do": "measure", "prompts": [prompt], "common": self._common[deployment]}
        async with asyncio.timeout(_SECONDS):
            told = [one async for one in deployment.ask(message)][-1]
        return measured_of(told["result"][0])

    async def _accompany(self, deployment: Deployment) -> None:
        """Ask for the prompts of the reference now and again, until the version ends."""
        found = await asyncio.to_thread(_reference_of, deployment)
        self._common[deployment] = packed(found.common) if found else None
        hours = self._settings.probe_hours
        try:
            while deployment.state != "ended":
                if found and hours:
                    await self._probe(deployment, found)
                await _sleep(deployment, 3600 * hours if hours else math.inf)
        finally:
            del self._common[deployment]

    async def _probe(self, deployment: Deployment, found: Reference) -> None:
        source = deployment.source
        for place, row in enumerate(found.rows[:_PROBES]):
            await self._idle(deployment)
            if deployment.state == "ended":
                return
            try:
                nats = (await self._ask(deployment, row.prompt)).nats
            except (StemmaError, TimeoutError) as error:
                LOG.warning("%s: it says nothing of its reference: %s", source.name, error)
                return
            if not math.isnan(nats):
                self._recorder.probed(Probe(time.time(), source.name, source.digest, place, nats))

    async def _idle(self, deployment: Deployment) -> None:
        """Wait until nothing runs; where that lasts too long, until nothing waits."""
        until = time.monotonic() + _PATIENCE
        while deployment.state != "ended":
            most = 0 if time.monotonic() < until else deployment.settings.running
            if _is_free(deployment, most) and not self._asking:
                return
            await asyncio.sleep(_PAUSE)


def _is_free(deployment: Deployment, most: int) -> bool:
    """Say whether a version can be asked, and has no more than so many sequences to compute."""
    return deployment.state == "ready" and deployment.inside <= most


def _reference_of(deployment: Deployment) -> Reference | None:
    """Return the reference of a version; None of a folder, and where it cannot be read."""
    source = deployment.source
    if source.commit is None:
        return None
    try:
        return reference.read(source.where)
    except StemmaError as error:
        LOG.warning("%s: its reference cannot be read: %s", source.name, error)
        return None


async def _sleep(deployment: Deployment, seconds: float) -> None:
    """Wait for so long, or until a version has ended."""
    until = time.monotonic() + seconds
    while deployment.state != "ended" and (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 1.0))
