"""A canary that is worse is dropped, and soon; one that is as good is not.

``python tests/serving/test_canary.py`` prints after how many requests, for the docs.
"""

import asyncio
import dataclasses
import math
import re
import statistics
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stemma.serving import settings
from stemma.serving.canary import OURS, Watch
from stemma.serving.process import RefusedRequestError

DEFAULTS = settings.read(Path("nowhere")).canary
RUNS, REQUESTS = 500, 128
PER_CANARY = 3  # requests that the current version gets for each of the canary's


@dataclasses.dataclass(frozen=True)
class Kind:
    """How the canary of a run differs from the current version.

    Attributes:
        slower: times the seconds per token.
        failing: share of failed requests; of the current version 1 %.
        bits: per byte by which it foresees prompts worse.
    """

    slower: float = 1.0
    failing: float = 0.01
    bits: float = 0.0


EQUAL = Kind()
WORSE = {
    "twice as slow": Kind(slower=2.0),
    "fails 20 %": Kind(failing=0.2),
    "foresees worse by 0.2 bits": Kind(bits=0.2),
}


class Version:
    """What a watch sees of a deployment: it foresees a prompt by so many bits per byte."""

    def __init__(self, random: np.random.Generator, bits: float) -> None:
        self._random, self._bits = random, bits

    async def ask(self, message: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        assert message["do"] == "score"
        yield {"result": 2 + self._bits + 0.1 * self._random.standard_normal()}


def generation(
    version: Any, seconds: float = 1.0, failure: str | None = None, prompt: Any = "The"
) -> Any:
    return SimpleNamespace(
        deployment=version, failure=failure, completion=0 if failure else 10,
        clock=SimpleNamespace(seconds=seconds), message={"prompts": [prompt]},
    )  # fmt: skip


async def dropped(kind: Kind, seed: int, requests: int = REQUESTS) -> tuple[int, str] | None:
    """Return after how many of its requests a canary is dropped, and why; None if it stays."""
    random = np.random.default_rng(seed)
    current, canary = Version(random, 0), Version(random, kind.bits)
    found: list[tuple[int, str]] = []

    async def drop(why: str, facts: dict[str, Any]) -> None:
        found.append((facts["requests"], why))

    watch = Watch(canary, lambda: current, DEFAULTS, drop)  # type: ignore[arg-type]

    def ask(version: Version, kind: Kind) -> None:
        failure = "engine" if random.random() < kind.failing else None
        # Seconds per token vary by half, up and down.
        seconds = kind.slower * math.exp(0.4 * random.standard_normal())
        watch.observe(generation(version, seconds, failure))

    for _ in range(requests):
        for _ in range(PER_CANARY):
            ask(current, EQUAL)
        ask(canary, kind)
        await asyncio.sleep(0)
        if found:
            return found[0]
    return None


def many(kind: Kind, runs: int, requests: int = REQUESTS) -> list[tuple[int, str] | None]:
    async def run() -> list[tuple[int, str] | None]:
        return [await dropped(kind, seed, requests) for seed in range(runs)]

    return asyncio.run(run())


def test_an_equal_canary_is_dropped_no_more_often_than_it_says():
    times = sum(one is not None for one in many(EQUAL, RUNS))
    assert times <= DEFAULTS.alarm * RUNS


def test_nor_is_one_that_is_as_much_worse_as_it_may_be():
    """Each bound is met exactly, where false alarms are likeliest."""
    kind = Kind(DEFAULTS.latency, 0.01 + DEFAULTS.errors, DEFAULTS.bits_per_byte or 0)
    times = sum(one is not None for one in many(kind, RUNS))
    # At the level of `alarm`, 13 of 500 would be passed once in a thousand times.
    assert times <= 13


@pytest.mark.parametrize(
    ("name", "said"),
    [("twice as slow", r"times the seconds"), ("fails 20 %", r"it fails \d+ of"),
     ("foresees worse by 0.2 bits", "foresees prompts worse by 0")],
)  # fmt: skip
def test_one_that_is_worse_is_dropped(name: str, said: str):
    found = many(WORSE[name], 20, 256)
    assert all(found), "each of them"
    assert all(re.search(said, why) for _, why in found if why)
    assert statistics.median(one[0] for one in found if one) <= 128


def test_what_the_client_did_is_not_held_against_it():
    random = np.random.default_rng(0)

    async def run() -> list[str]:
        current, canary = Version(random, 0), Version(random, 0)
        why: list[str] = []

        async def drop(told: str, facts: dict[str, Any]) -> None:
            why.append(told)

        watch = Watch(canary, lambda: current, DEFAULTS, drop)  # type: ignore[arg-type]
        for _ in range(64):
            watch.observe(generation(current))
            watch.observe(generation(canary, failure="client_gone"))
            watch.observe(generation(Version(random, 5), seconds=100))  # neither of them
            await asyncio.sleep(0)
        return why

    assert asyncio.run(run()) == []
    assert "client_gone" not in OURS


def test_a_prompt_that_cannot_be_foreseen_is_left_out():
    class Refusing(Version):
        async def ask(self, message: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
            raise RefusedRequestError("the text has one token", "", 400)
            yield {}

    async def run() -> None:
        random = np.random.default_rng(0)
        canary, current = Refusing(random, 9), Version(random, 0)
        failed: list[Any] = []

        async def drop(told: str, facts: dict[str, Any]) -> None:
            failed.append(told)

        watch = Watch(canary, lambda: current, DEFAULTS, drop)  # type: ignore[arg-type]
        asyncio.get_running_loop().set_exception_handler(lambda _, told: failed.append(told))
        for prompt in ("The", [5, 7], [{"role": "user", "content": "hello"}], ""):
            for _ in range(16):
                watch.observe(generation(current))
                watch.observe(generation(canary, prompt=prompt))
                await asyncio.sleep(0)
        assert not failed

    asyncio.run(run())


def table() -> str:
    """Return, for each kind of canary, after how many of its requests it is dropped."""
    lines = ["| canary | dropped, of 500 | requests, median | 95 of 100 |", "|---|---|---|---|"]
    for name, kind in {"equal": EQUAL, **WORSE}.items():
        found = many(kind, RUNS, 512)
        counts = sorted(one[0] for one in found if one)
        told = [counts[int(share * len(counts))] for share in (0.5, 0.95)] if counts else ["", ""]
        lines.append(f"| {name} | {len(counts)} | {told[0]} | {told[1]} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
