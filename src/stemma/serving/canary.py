"""Drops a canary that is worse than the current version: more errors, slower, or a worse model.

It is looked at after 16, 32, 64, … of its requests, and at look k an alarm is raised at the level
alarm / (k (k + 1)) / 3: the levels of all looks at all three bounds sum to `alarm`, so that so many
canaries are dropped by chance, however long they run.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from statistics import fmean, stdev
from typing import Any

from stemma.errors import StemmaError
from stemma.serving.deployment import Deployment
from stemma.serving.settings import CanarySettings
from stemma.statistics.proportion import wilson
from stemma.statistics.significance import quantile_of_t

LOG = logging.getLogger("stemma.serve")
_FIRST_LOOK = 16  # requests
_BOUNDS = 3
_FEW = 6  # below so many values nothing is said of a mean
_KEPT = 4096  # of the newest values
_READ = 2000  # characters of a prompt that both versions are asked to foresee
OURS = ("engine", "timeout", "engine_away")
"""Failures that are a version's own, not its client's."""


@dataclasses.dataclass
class Seen:
    """What was seen of a version.

    Attributes:
        requests: how many.
        failed: how many of them were not answered, by its own fault.
        paces: natural logarithm of the seconds per token of each answer.
    """

    requests: int = 0
    failed: int = 0
    paces: list[float] = dataclasses.field(default_factory=list)

    def take(self, generation: Any) -> None:
        """Take in a request."""
        self.requests += 1
        self.failed += generation.failure in OURS
        if generation.failure is None and generation.completion:
            self.paces.append(math.log(generation.clock.seconds / generation.completion))
            del self.paces[:-_KEPT]


class Watch:
    """Compares a canary with the current version.

    Args:
        canary: the version.
        settings: the bounds.
        drop: is called with a reason and facts if it passes one.
    """

    def __init__(
        self, canary: Deployment, current: Callable[[], Deployment | None],
        settings: CanarySettings, drop: Callable[[str, dict[str, Any]], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._canary, self._current = canary, current
        self._settings, self._drop = settings, drop
        self._seen = {True: Seen(), False: Seen()}
        self._worse: list[float] = []
        self._looks = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def observe(self, generation: Any) -> None:
        """Take in a request that is over."""
        is_canary = generation.deployment is self._canary
        if not is_canary and generation.deployment is not self._current():
            return
        self._seen[is_canary].take(generation)
        if is_canary:
            task = asyncio.create_task(self._look(generation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, generation: Any) -> None:
        await self._compare(generation)
        if self._seen[True].requests < _FIRST_LOOK * 2**self._looks:
            return
        self._looks += 1
        level = self._settings.alarm / (self._looks * (self._looks + 1)) / _BOUNDS
        for why in (self._errors(level), self._pace(level), self._foresight(level)):
            if why:
                await self._drop(why, {"requests": self._seen[True].requests, "level": level})
                return

    async def _compare(self, generation: Any) -> None:
        """Ask both versions how well they foresee a prompt."""
        text = _text_of(generation.message["prompts"][0])[:_READ]
        current = self._current()
        if self._settings.bits_per_byte is None or not text or current is None:
            return
        try:
            ours, theirs = [
                [told async for told in one.ask({"do": "score", "text": text})][-1]["result"]
                for one in (self._canary, current)
            ]
        except StemmaError:
            return  # such as a prompt of one token, of which nothing is foreseen
        self._worse.append(ours - theirs)
        del self._worse[:-_KEPT]

    def _errors(self, level: float) -> str | None:
        ours, theirs = self._seen[True], self._seen[False]
        # Each interval at half of the level: together they are wrong no more often.
        low = wilson(ours.failed, ours.requests, level)[0]
        high = wilson(theirs.failed, theirs.requests, level)[1] if theirs.requests else 0.0
        if low - high <= self._settings.errors:
            return None
        return (
            f"it fails {ours.failed} of {ours.requests} requests, the current version "
            f"{theirs.failed} of {theirs.requests}"
        )

    def _pace(self, level: float) -> str | None:
        low = _least_difference(self._seen[True].paces, self._seen[False].paces, level)
        if low is None or low <= math.log(self._settings.latency):
            return None
        times = math.exp(fmean(self._seen[True].paces) - fmean(self._seen[False].paces))
        return f"it takes {times:.2f} times the seconds per token of the current version"

    def _foresight(self, level: float) -> str | None:
        bound = self._settings.bits_per_byte
        low = _least_mean(self._worse, level)
        if bound is None or low is None or low <= bound:
            return None
        return (
            f"it foresees prompts worse by {fmean(self._worse):.3f} bits per byte "
            f"({len(self._worse)} prompts)"
        )


def _least_mean(values: Sequence[float], level: float) -> float | None:
    """Return the lower end of a one-sided interval of a mean, by Student's t; None if too few."""
    if len(values) < _FEW:
        return None
    error = stdev(values) / math.sqrt(len(values))
    return fmean(values) - quantile_of_t(1 - level, len(values) - 1) * error


def _least_difference(ours: Sequence[float], theirs: Sequence[float], level: float) -> float | None:
    """Return the lower end of a one-sided interval of a difference of means, as Welch has it."""
    if min(len(ours), len(theirs)) < _FEW:
        return None
    one, other = stdev(ours) ** 2 / len(ours), stdev(theirs) ** 2 / len(theirs)
    if one + other == 0:
        return fmean(ours) - fmean(theirs)
    degrees = (one + other) ** 2 / (one**2 / (len(ours) - 1) + other**2 / (len(theirs) - 1))
    found = quantile_of_t(1 - level, max(_FEW - 1, int(degrees))) * math.sqrt(one + other)
    return fmean(ours) - fmean(theirs) - found


def _text_of(prompt: Any) -> str:
    """Return the text of a prompt, or of the last message; nothing of tokens."""
    if isinstance(prompt, str):
        return prompt
    return prompt[-1]["content"] if prompt and isinstance(prompt[-1], dict) else ""
