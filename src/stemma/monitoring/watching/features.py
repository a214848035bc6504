"""What is watched: of a request, and of a row of the reference where evaluation knows it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

from stemma.monitoring.reference import Row
from stemma.monitoring.watching.requests import Request

Kind = Literal["number", "share", "category", "vector", "pairs"]
FAULTS = ("engine", "timeout", "engine_away")
"""Failures that are a version's own; those by which a server drops a canary."""
_ASKED = "look at what is asked now; `stemma update` makes a candidate of it where people consented"
_ANSWERED = "if it began with this version, `stemma rollback {stage}` goes back to the one before"
_SLOW = "look at the load and at other programs of that machine; " + _ANSWERED
_JUDGED = "read the answers that were voted down; `stemma update` learns from corrections"
_RUNS = (
    "what runs is not what was evaluated: compare dtype and engine of the server with "
    "docs/serve.md; `stemma rollback {stage}` goes back to the version before"
)


@dataclasses.dataclass(frozen=True)
class Feature:
    """Something of a request that is watched.

    Attributes:
        name: in settings, metrics and JSON.
        label: as it is written.
        kind: how it is compared.
        advice: what to do where it alarms.
        of_request: its value; None where a request has none.
        of_row: its value in the reference; None if evaluation cannot know it.
        worse: whether only a greater one alarms.
    """

    name: str
    label: str
    kind: Kind
    advice: str
    of_request: Callable[[Request], Any]
    of_row: Callable[[Row], Any] | None = None
    worse: bool = False


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _state(state: tuple[float, ...]) -> tuple[float, ...] | None:
    return state if state and all(map(math.isfinite, state)) else None


def _of_measured(name: str, label: str) -> Feature:
    return Feature(
        name, label, "number", _ASKED,
        lambda one: one.measured and _known(getattr(one.measured, _FIELDS.get(name, name))),
        lambda row: _known(getattr(row.measured, _FIELDS.get(name, name))),
    )  # fmt: skip


def _of_prompt(name: str, label: str, field: str, kind: Kind = "number") -> Feature:
    return Feature(
        name, label, kind, _ASKED,
        lambda one: one.record.prompt and _told(getattr(one.record.prompt, field)),
        lambda row: _told(getattr(row.features, field)),
    )  # fmt: skip


def _told(value: Any) -> Any:
    return "none" if value is None else value


def _answered(value: Callable[[Request], Any]) -> Callable[[Request], Any]:
    return lambda one: value(one) if one.record.failure is None and one.record.answers else None


def _failed(one: Request) -> bool | None:
    failure = one.record.failure
    return failure is not None if failure is None or failure in FAULTS else None


def _per_token(one: Request) -> float | None:
    record = one.record
    # Whoever waits in the queue waits for others, and a first token for the prompt.
    if record.failure is not None or record.first is None or record.completion_tokens < 2:
        return None
    return (record.seconds - record.first) / (record.completion_tokens - 1)


_FIELDS = {"length": "tokens"}
FEATURES: tuple[Feature, ...] = (
    _of_measured("nats", "perplexity"),
    _of_measured("length", "length"),
    _of_measured("rare", "rare tokens"),
    _of_measured("unknown", "unknown tokens"),
    _of_prompt("non_ascii", "other letters", "non_ascii"),
    _of_prompt("digits", "digits", "digits"),
    _of_prompt("repetition", "repetition", "repeated"),
    _of_prompt("language", "language", "language", "category"),
    Feature(
        "states", "embeddings", "vector", _ASKED,
        lambda one: one.measured and _state(one.measured.state),
        lambda row: _state(row.measured.state),
    ),
    Feature(
        "empty", "empty answers", "share", _ANSWERED,
        _answered(lambda one: one.record.empty > 0), lambda row: row.empty, worse=True,
    ),
    Feature(
        "refusals", "refusals", "share", _ANSWERED,
        _answered(lambda one: one.record.refusals > 0), lambda row: row.refusal, worse=True,
    ),
    Feature(
        "answer_repetition", "repetition in answers", "number", _ANSWERED,
        lambda one: one.record.answer and one.record.answer.repeated,
        lambda row: row.answer and row.answer.repeated,
    ),
    Feature(
        "truncated", "truncated answers", "share", _ANSWERED,
        _answered(lambda one: one.record.truncated > 0), worse=True,
    ),
    Feature(
        "answer_length", "length of answers", "number", _ANSWERED,
        _answered(lambda one: one.record.completion_tokens / one.record.answers),
    ),
    Feature("failures", "failures", "share", _ANSWERED, _failed, worse=True),
    Feature("seconds_per_token", "seconds per token", "number", _SLOW, _per_token, worse=True),
    Feature(
        "first_token", "first token, seconds", "number", _SLOW,
        lambda one: one.record.first if one.record.failure is None else None, worse=True,
    ),
    Feature("thumbs_down", "thumbs down", "share", _JUDGED, lambda one: one.down, worse=True),
    Feature("probes", "probes", "pairs", _RUNS, lambda _: None),
)  # fmt: skip
"""All of them, in the order in which they are shown."""
