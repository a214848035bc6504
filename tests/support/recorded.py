"""For the tests of records: requests that are over, and what a server has recorded of real ones."""

import dataclasses
import re
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import talking
from served import SECONDS, Served

from stemma.monitoring import reading
from stemma.monitoring.records import Finished, Record
from stemma.monitoring.settings import MonitoringSettings
from stemma.monitoring.store import FILE

QUICK = ("--path", "alpha", "--set", "smoke=[hello]")
CHAT = {"model": "alpha", "messages": [{"role": "user", "content": "hello"}]}
RESPONSE = {"model": "alpha", "input": "hello"}
SAID = talking.answer("alpha")
NOW = 1_800_000_000.0
FINISHED = Finished(
    id="chatcmpl-0", time=NOW, version="lm@v1.0.0", commit="c" * 40, digest="d" * 64,
    role="current", endpoint="/v1/chat/completions", queued=0.01, first=0.02, seconds=0.1,
    prompt_tokens=9, completion_tokens=7, answers=1, finishes=("stop",), failure=None, seed=7,
    temperature=1.0, who="user ada", key=None,
    prompts=[[{"role": "user", "content": "Is it you, Horatio?"}]], texts=("A piece of him.",),
    consent=False,
)  # fmt: skip


def over(number: int = 0, **changed: Any) -> Finished:
    """Return a request that is over, of this number."""
    return dataclasses.replace(FINISHED, id=f"chatcmpl-{number}", **changed)


def bounds(**changed: Any) -> MonitoringSettings:
    """Return settings."""
    given: dict[str, Any] = {
        "record": True, "most_megabytes": 64, "days": 90.0, "keep_text": False,
        "text_days": 30.0, "measured_per_minute": 60.0, "probe_hours": 6.0, "otel": False,
    }  # fmt: skip
    return MonitoringSettings(**given | changed)


def laid_out(voices: Path, folder: Path) -> Path:
    """Put the model that says alpha into a folder."""
    shutil.copytree(voices / "alpha", folder / "alpha")
    return folder


def kept(folder: Path, least: int = 0) -> list[Record]:
    """Return the records, once there are so many."""
    until = time.monotonic() + SECONDS
    while True:
        found = list(reading.records(folder / FILE)) if (folder / FILE).exists() else []
        if len(found) >= least:
            return found
        assert time.monotonic() < until, f"there are {len(found)}"
        time.sleep(0.05)


def ask(server: Served, text: str = "hello", **fields: Any) -> str:
    """Return the id of an answer, which must be the right one."""
    told = server.chat(text, model="alpha", **fields)
    assert told["choices"][0]["message"]["content"] == SAID, told
    return told["id"]


def lost(server: Served) -> float:
    """Return how many records a server has lost."""
    found = re.search(r"^stemma:records_lost_total (\S+)", server.get("/metrics").text, re.M)
    assert found
    return float(found[1])


def feedback(server: Served, name: str, **said: Any) -> httpx.Response:
    """Judge an answer."""
    return server.post("/v1/feedback", {"response_id": name, **said})
