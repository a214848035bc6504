"""Requests that are over, and what a store is bound by, for the tests of records."""

import dataclasses
from typing import Any

from stemma.monitoring.records import Finished
from stemma.monitoring.settings import MonitoringSettings

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
        "text_days": 30.0, "otel": False,
    }  # fmt: skip
    return MonitoringSettings(**given | changed)
