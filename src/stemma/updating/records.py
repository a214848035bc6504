"""What a server has kept of its requests, as an update may learn from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemma.monitoring import reading
from stemma.monitoring.feedback import Feedback
from stemma.monitoring.records import Record


@dataclasses.dataclass(frozen=True)
class Kept:
    """A request with what is kept of its text, and what was said of its answer.

    Attributes:
        record: of the request.
        prompts: texts or conversations, masked; empty if the client has not agreed to keep them.
        answers: masked.
        feedback: on the answer; None if nobody said anything.
    """

    record: Record
    prompts: list[Any]
    answers: list[str]
    feedback: Feedback | None


def kept(path: Path, since: float) -> Iterator[Kept]:
    """Yield requests that were answered and that could teach something, the newest first.

    Args:
        path: of the store.
        since: seconds since 1970.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    texts = {name: (prompts, answers) for name, prompts, answers in reading.texts(path)}
    said = {one.response_id: one for one in reading.feedbacks(path)}
    records = [
        one
        for one in reading.records(path, since)
        if one.role != "shadow" and one.failure is None and (one.id in texts or one.id in said)
    ]
    for one in reversed(records):
        prompts, answers = texts.get(one.id, ([], []))
        yield Kept(one, prompts, answers, said.get(one.id))
