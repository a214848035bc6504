"""Follows a stage: what is put there is fetched, checked, started, tried, and takes over."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.registry import trials
from stemma.registry.models import find
from stemma.registry.trials import Found
from stemma.serving import source
from stemma.serving.deployment import Deployment
from stemma.serving.fleet import Fleet
from stemma.serving.metrics import Metrics
from stemma.serving.settings import ServingSettings
from stemma.serving.source import Source
from stemma.store import tags
from stemma.store.errors import ProjectError
from stemma.store.registry import Assignment, Registry

LOG = logging.getLogger("stemma.serve")
_AGAIN = 60.0  # seconds after which what was refused is tried again: bytes may have come since
Start = Callable[[Source], Awaitable[Deployment]]


class Follower:
    """Looks at the tags, again and again.

    Args:
        fleet: that is changed.
        metrics: that tell of it.
        settings: how often it looks.
        artifact: the model; None for that of the project.
        start: starts a version.
        root: the project.
    """

    def __init__(
        self, fleet: Fleet, metrics: Metrics, settings: ServingSettings, artifact: str | None,
        start: Start, root: Path,
    ) -> None:  # fmt: skip
        self._fleet, self._metrics, self._settings = fleet, metrics, settings
        self._artifact, self._start, self._root = artifact, start, root
        self._refused: dict[str, tuple[str, float]] = {}
        self._said = ""

    async def run(self) -> None:
        """Look until it is cancelled."""
        pause = (
            self._settings.fetch_seconds if self._settings.fetch else self._settings.look_seconds
        )
        while True:
            await asyncio.sleep(pause)
            await self.look()

    async def look(self) -> None:
        """Look once; what goes wrong is said, and changes nothing."""
        assert self._fleet.stage
        try:
            now = await asyncio.to_thread(self._now)
        except StemmaError as error:
            self._say(f"{self._fleet.stage} cannot be followed: {source.why(error)}")
            return
        self._said = ""
        current = self._fleet.current
        if current and current.source.tag == now.tag:
            self._forget()
        elif self._may_try(now.tag):
            await self._take(now)

    def _now(self) -> Assignment:
        assert self._fleet.stage
        if self._settings.fetch:
            remote = tags.remote_of(self._root)
            if remote is None:
                raise ProjectError("there is no Git remote to fetch from", "leave --fetch out")
            tags.fetch(remote, self._root)
        return source.standing(self._root, self._fleet.stage, self._artifact)

    async def _take(self, now: Assignment) -> None:
        assert self._fleet.stage
        name = f"{now.artifact}@{now.version}"
        try:
            found = await asyncio.to_thread(
                source.on_stage, self._root, self._fleet.stage, self._artifact
            )
            await self._change(found)
        except StemmaError as error:
            why = source.why(error)
            is_new = now.tag not in self._refused
            self._refused[now.tag] = (why, _clock())
            self._count(now, "refused")
            self._metrics.refused.clear()
            self._metrics.refused.labels(now.artifact, name, why).set(1)
            LOG.error("%s is not taken: %s", name, why)
            if is_new:
                await asyncio.to_thread(
                    note, self._root, name, self._fleet.stage, "not taken", why, {"tag": now.tag}
                )
        else:
            self._forget()
            self._count(now, "taken")
            LOG.info("%s answers now", name)

    async def _change(self, found: Source) -> None:
        canary = self._fleet.canary
        if canary and canary.state == "ready" and canary.source.commit == found.commit:
            # It runs already, and was tried by those who know best.
            canary.source = dataclasses.replace(canary.source, tag=found.tag)
            self._fleet.canary = None
            self._fleet.change(canary)
            return
        self._fleet.change(await self._start(found))

    def _may_try(self, tag: str) -> bool:
        return tag not in self._refused or _clock() - self._refused[tag][1] >= _AGAIN

    def _forget(self) -> None:
        self._refused.clear()
        self._metrics.refused.clear()

    def _count(self, now: Assignment, result: str) -> None:
        self._metrics.changes.labels(now.artifact, f"{now.artifact}@{now.version}", result).inc()

    def _say(self, line: str) -> None:
        if line != self._said:
            self._said = line
            LOG.error("%s", line)


def note(root: Path, name: str, stage: str, found: Found, why: str, facts: dict[str, Any]) -> None:
    """Record in the registry what became of a version; where that fails, say so."""
    try:
        registry = Registry(root)
        trials.record(find(registry, name), stage, found, why, facts, root)
    except StemmaError as error:
        LOG.error("it could not be recorded that %s was %s: %s", name, found, source.why(error))


def _clock() -> float:
    return asyncio.get_running_loop().time()
