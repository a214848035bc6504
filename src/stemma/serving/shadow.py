"""Asks a second version what the current one was asked, and keeps how the answers compare."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.layout import RUNS
from stemma.serving.deployment import Deployment
from stemma.serving.fleet import Fleet

LOG = logging.getLogger("stemma.serve")
FILE = RUNS / "shadow.jsonl"
_WAITING = 32  # requests; more are left out, since nobody waits for a shadow


@dataclasses.dataclass
class Repeated:
    """What the shadow made of a request.

    Attributes:
        texts: its answers, by their index.
        finishes: why each of them ended.
        tokens: of all prompts, and of all answers.
        first: seconds until its first token; None if none came.
        seconds: that it took.
    """

    texts: dict[int, str]
    finishes: dict[int, str] = dataclasses.field(default_factory=dict)
    tokens: tuple[int, int] = (0, 0)
    first: float | None = None
    seconds: float = 0.0

    def take(self, told: dict[str, Any], seconds: float) -> None:
        """Take in what comes of it after so many seconds."""
        if "prompt_tokens" in told:
            self.tokens = (told["prompt_tokens"], self.tokens[1])
        if "text" in told:
            index = told["index"]
            self.first = seconds if self.first is None else self.first
            self.tokens = (self.tokens[0], self.tokens[1] + 1)
            self.texts[index] = self.texts.get(index, "") + told["text"]
            if told["finish"]:
                self.finishes[index] = told["finish"]


class Shadow:
    """Repeats requests, one after the other.

    Args:
        version: that is asked.
        fleet: whose current version's requests are repeated.
        root: the project, in whose runs/shadow.jsonl the answers are kept.
        tell: is called with each request and what the shadow made of it.
    """

    def __init__(
        self, version: Deployment, fleet: Fleet, root: Path,
        tell: Callable[[Any, Repeated], object] = lambda generation, repeated: None,
    ) -> None:  # fmt: skip
        self._tell = tell
        self._version, self._fleet, self._path = version, fleet, root / FILE
        self._waiting: asyncio.Queue[Any] = asyncio.Queue(_WAITING)
        self.left_out = 0

    def observe(self, generation: Any) -> None:
        """Take in a request that is over."""
        if generation.deployment is not self._fleet.current or generation.failure is not None:
            return
        try:
            self._waiting.put_nowait(generation)
        except asyncio.QueueFull:
            self.left_out += 1

    async def run(self) -> None:
        """Repeat requests until it is cancelled."""
        while True:
            generation = await self._waiting.get()
            try:
                await self._repeat(generation)
            except (StemmaError, OSError) as error:
                LOG.error("the shadow %s: %s", self._version.name, error)

    async def _repeat(self, generation: Any) -> None:
        start = time.perf_counter()
        repeated = Repeated(dict.fromkeys(generation.texts, ""))
        with self._version.admitted(generation.answers):
            async for told in self._version.ask(generation.message):
                repeated.take(told, time.perf_counter() - start)
        texts, repeated.seconds = repeated.texts, time.perf_counter() - start
        self._tell(generation, repeated)
        equal = texts == generation.texts
        self._version.meter.shadowed(equal)
        prompts = json.dumps(generation.message["prompts"], ensure_ascii=False)
        record = {
            "time": int(time.time()),
            "current": generation.deployment.name,
            "shadow": self._version.name,
            "prompt_sha256": hashlib.sha256(prompts.encode("utf-8", "surrogatepass")).hexdigest(),
            "seed": generation.message["seed"],
            "equal": equal,
            "answers": [generation.texts[index] for index in sorted(generation.texts)],
            "shadow_answers": [texts[index] for index in sorted(texts)],
            "seconds": round(generation.clock.seconds, 4),
            "shadow_seconds": round(repeated.seconds, 4),
        }
        await asyncio.to_thread(self._keep, record)

    def _keep(self, record: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(record, ensure_ascii=False) + "\n"
        # One write, so that no other one comes between.
        place = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(place, line.encode("utf-8", "replace"))
        finally:
            os.close(place)
