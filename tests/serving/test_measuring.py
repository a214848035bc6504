"""A real server asks its versions what they make of prompts, and no answer waits for it."""

import asyncio
import math
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import vllm_stub
from project import Project
from recorded import QUICK, ask, bounds, kept, laid_out
from served import SECONDS, serving

from stemma.monitoring import reading, reference
from stemma.monitoring.measured import Measured, Probe
from stemma.monitoring.store import FILE
from stemma.serving import measuring
from stemma.serving.deployment import AwayError
from stemma.serving.measuring import Measurer
from stemma.store.naming import resolve

OFTEN = ("--set", "monitoring.measured_per_minute=6000")
SECRET = "Remember my mail, ada.byron@example.org, will you?"


def wait(read: Callable[[], list[Any]], least: int) -> list[Any]:
    until = time.monotonic() + SECONDS
    while len(found := read()) < least:
        assert time.monotonic() < until, f"there are {len(found)}"
        time.sleep(0.05)
    return found


def measured(folder: Path, least: int = 0) -> list[tuple[str, Measured]]:
    return wait(lambda: list(reading.measured(folder / FILE)), least)


def probes(folder: Path, least: int) -> list[Probe]:
    return wait(lambda: list(reading.probes(folder / FILE)), least)


def test_it_asks_what_a_model_makes_of_prompts(voices: Path, tmp_path: Path):
    with serving(laid_out(voices, tmp_path), *QUICK, *OFTEN) as one:
        names = []
        for number in range(3):
            names.append(ask(one, SECRET))
            found = measured(tmp_path, number + 1)
            time.sleep(0.5)  # what took a moment is not done again for twenty of them
        refused = one.post("/v1/completions", {"model": "alpha", "prompt": "x " * 900})
        assert refused.status_code == 400
        tokens = kept(tmp_path, 4)[0].prompt_tokens
    assert [name for name, _ in found] == names
    for _, told in found:
        assert told.tokens == tokens and told.nats > 0 and told.unknown == 0
        assert len(told.state) == 64 and np.linalg.norm(told.state) > 0
        assert math.isnan(told.rare), "a folder says nothing of what it was trained on"
    assert not list(reading.probes(tmp_path / FILE)), "a folder has no reference"
    for place in (tmp_path / FILE).parent.iterdir():
        assert b"Remember" not in place.read_bytes() and b"ada.byron" not in place.read_bytes()


@pytest.mark.parametrize("word", ["monitoring.measured_per_minute=0", "monitoring.record=false"])
def test_nobody_is_asked_where_that_is_switched_off(voices: Path, tmp_path: Path, word: str):
    with serving(laid_out(voices, tmp_path), *QUICK, "--set", word) as one:
        for _ in range(3):
            ask(one)
        time.sleep(0.5)
    assert not (tmp_path / FILE).exists() or not measured(tmp_path)


def test_vllm_tells_what_it_can(voices: Path, tmp_path: Path):
    stub = ("--engine", "vllm", "--set", f"vllm={sys.executable} {vllm_stub.__file__}")
    with serving(laid_out(voices, tmp_path), *QUICK, *OFTEN, *stub) as one:
        one.chat(model="alpha")
        time.sleep(0.5)
        one.post("/v1/completions", {"model": "alpha", "prompt": "x", "max_tokens": 9})
        found = [told for _, told in measured(tmp_path, 2)]
    for told in found:
        assert (told.nats, told.tokens) == (1.5, 3)
        assert math.isnan(told.rare) and math.isnan(told.unknown) and math.isnan(told.state[0])


def test_what_runs_is_what_was_evaluated(project: Project):
    """Probes tell that it is, and that weights of half the digits are others."""
    wanted = reference.read(resolve("HEAD", project.path))
    assert wanted
    words = ("--rev", "HEAD", "--set", "smoke=[the]")

    def apart(*more: str) -> float:
        (project.path / FILE).unlink(missing_ok=True)
        with serving(project.path, *words, *more) as one:
            found = probes(project.path, 32)
            name = one.get("/version").json()["version"]
        assert sorted(probe.place for probe in found) == list(range(32))
        assert {probe.version for probe in found} == {name} and len(found[0].digest) == 64
        pairs = [(probe.nats, wanted.rows[probe.place].measured.nats) for probe in found]
        return max(abs(a - b) for a, b in pairs)

    assert apart() < 1e-5
    assert apart("--dtype", "bfloat16") > 1e-4


def test_a_version_with_a_reference_knows_rare_tokens(project: Project):
    words = ("--rev", "HEAD", "--set", "smoke=[the]", "--set", "monitoring.probe_hours=null")
    with serving(project.path, *words, *OFTEN) as one:
        found: dict[str, Measured] = {}
        for prompt in ("the king", "%~`^|"):
            body = {"model": "lm", "prompt": prompt, "max_tokens": 2}

            def more(body: dict[str, Any] = body) -> list[Any]:
                # Nobody is asked before the reference is read.
                one.post("/v1/completions", body)
                time.sleep(0.2)
                told = [one for _, one in measured(project.path)]
                return [one for one in told if one not in found.values()]

            found[prompt] = wait(more, 1)[-1]
        assert not list(reading.probes(project.path / FILE))
    usual, odd = found.values()
    assert usual.rare < 0.5 < odd.rare


def test_bytes_of_the_reference_that_are_nowhere(project: Project, tmp_path: Path):
    """The server says it in one line, and answers."""
    lock = (project.path / "dvc.lock").read_text(encoding="utf-8")
    md5 = lock.partition("path: reports/reference.parquet")[2].split("md5: ")[1].split()[0]
    (project.path / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}").unlink()
    with serving(project.path, "--rev", "HEAD", "--set", "smoke=[the]") as one:
        assert one.said("its reference cannot be read: reports/reference.parquet of")
        told = one.post("/v1/completions", {"model": "lm", "prompt": "the", "max_tokens": 2})
    assert told.status_code == 200


class Standing:
    """A version that says the same of every prompt, after a while."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.state, self.inside, self.asked, self.seconds = "ready", 0, 0, seconds
        self.settings = SimpleNamespace(running=2)
        self.source = SimpleNamespace(name="lm@v1.0.0", commit=None, digest="d" * 64)
        self.name, self.fails = "lm@v1.0.0", False

    async def ask(self, message: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        self.asked += 1
        assert message["do"] == "measure" and len(message["prompts"]) == 1
        await asyncio.sleep(self.seconds)
        if self.fails:
            raise AwayError("it has ended")
        told = {"nats": 1.0, "tokens": 3, "rare": None, "unknown": 0.0, "state": None}
        yield {"result": [told]}


class Kept:
    """A recorder."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def measured(self, name: str, measured: Measured) -> None:
        self.names.append(name)


def over(deployment: Any, number: int, failure: str | None = None) -> Any:
    message = {"prompts": ["hello"]}
    return SimpleNamespace(deployment=deployment, failure=failure, id=str(number), message=message)


def run(work: Callable[[Measurer, Standing, Kept], Any], **how: Any) -> tuple[Standing, Kept]:
    async def go() -> tuple[Standing, Kept]:
        one, kept = Standing(how.pop("seconds", 0.0)), Kept()
        recorder: Any = kept
        measurer = Measurer(bounds(measured_per_minute=60_000.0, **how), recorder)
        version: Any = one
        measurer.begin(version)
        await asyncio.sleep(0.05)
        await work(measurer, one, kept)
        await measurer.end()
        return one, kept

    return asyncio.run(go())


def test_requests_that_wait_go_first():
    async def work(measurer: Measurer, one: Standing, kept: Kept) -> None:
        for inside in (3, 2, 3, 0):
            one.inside = inside
            measurer.observe(over(one, inside))
            await asyncio.sleep(0.05)

    assert run(work)[1].names == ["2", "0"], "as many as run are no queue"


def test_one_at_a_time_and_none_of_what_failed():
    async def work(measurer: Measurer, one: Standing, kept: Kept) -> None:
        measurer.observe(over(one, 0, "client_gone"))
        for number in range(1, 5):
            measurer.observe(over(one, number))
        await asyncio.sleep(0.05)

    one, kept = run(work)
    assert (one.asked, kept.names) == (1, ["1"])


def test_it_takes_a_twentieth_of_the_time():
    async def work(measurer: Measurer, one: Standing, kept: Kept) -> None:
        for number in range(60):
            measurer.observe(over(one, number))
            await asyncio.sleep(0.01)

    # Each takes 10 ms, and the next may begin 200 ms later.
    assert 2 <= run(work, seconds=0.01)[0].asked <= 4


def test_an_engine_that_is_away_is_asked_again_later():
    async def work(measurer: Measurer, one: Standing, kept: Kept) -> None:
        one.fails = True
        measurer.observe(over(one, 1))
        await asyncio.sleep(0.02)
        one.fails = False
        measurer.observe(over(one, 2))
        for _ in range(100):
            if kept.names:
                break
            await asyncio.sleep(0.05)

    assert run(work)[1].names == ["2"]


def test_it_waits_for_a_moment_without_requests(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measuring, "_PAUSE", 0.01)
    monkeypatch.setattr(measuring, "_PATIENCE", 0.2)

    async def idle(inside: int) -> float:
        one: Any = Standing()
        recorder: Any = Kept()
        one.inside, begun = inside, time.monotonic()
        await Measurer(bounds(), recorder)._idle(one)
        return time.monotonic() - begun

    assert asyncio.run(idle(0)) < 0.1
    assert 0.2 <= asyncio.run(idle(2)) < 1, "nobody waits, but it is never idle"
