"""What chat and text completions share: the whole answer, and the events of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi.responses import Response

from stemma.serving.api.fields import StreamOptions, usage
from stemma.serving.api.generation import Generation, answer, head


def whole(found: Generation, kind: str, choices: list[dict[str, Any]]) -> Response:
    """Return an answer that is complete."""
    counts = usage(found.prompt, found.completion)
    return answer(found.deployment, head(found, kind) | {"choices": choices, "usage": counts})


class Chunks:
    """The events of a stream.

    Args:
        found: what is answered.
        kind: OpenAI's name of a chunk.
        options: of the stream.
    """

    def __init__(self, found: Generation, kind: str, options: StreamOptions | None) -> None:
        self._found, self._head = found, head(found, kind)
        self._with_usage = options is not None and options.include_usage

    def one(self, choice: dict[str, Any]) -> str:
        """Return the event of a choice."""
        extra: dict[str, Any] = {"usage": None} if self._with_usage else {}
        return _event(self._head | {"choices": [choice]} | extra)

    def last(self) -> Iterator[str]:
        """Yield the events that end the stream."""
        if self._with_usage:
            counts = usage(self._found.prompt, self._found.completion)
            yield _event(self._head | {"choices": [], "usage": counts})
        yield "data: [DONE]\n\n"


def _event(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told)}\n\n"
