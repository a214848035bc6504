"""The endpoint /v1/feedback: what people say of an answer."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from stemma.monitoring.feedback import (
    AnothersAnswerError,
    Feedback,
    FeedbackError,
    SecondFeedbackError,
    UnknownAnswerError,
)
from stemma.serving.api.description import answered
from stemma.serving.api.errors import ApiError
from stemma.serving.api.fields import Body
from stemma.serving.api.server import Server

router = APIRouter()
_SECONDS = 10  # in which it must be written
_CODES: dict[type[FeedbackError], tuple[int, str]] = {
    UnknownAnswerError: (404, "answer_not_found"),
    AnothersAnswerError: (403, "not_yours"),
    SecondFeedbackError: (409, "feedback_exists"),
}
_TEXTS = ("correction", "comment")
Text = Annotated[str, Field(min_length=1, max_length=100_000)]


class FeedbackRequest(Body):
    """What somebody says of an answer."""

    response_id: Annotated[str, Field(min_length=1, max_length=100)]
    thumb: Literal["up", "down"] | None = None
    label: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    correction: Text | None = None
    comment: Text | None = None


class FeedbackAnswer(BaseModel):
    """Says that it is kept."""

    object: Literal["feedback"] = "feedback"
    response_id: str


@router.post("/v1/feedback", responses=answered(FeedbackAnswer, named=False))
async def give(request: Request, asked: FeedbackRequest) -> FeedbackAnswer:
    """Keep what somebody says of an answer."""
    server = Server.of(request)
    said = asked.model_dump(exclude={"response_id"})
    if all(value is None for value in said.values()):
        raise ApiError(
            400, "it says nothing: 'thumb', 'label', 'correction' or 'comment' does",
            "missing_required_parameter", "thumb",
        )  # fmt: skip
    for name in _TEXTS:
        if said[name] is not None and not server.settings.monitoring.keep_text:
            raise ApiError(
                400, f"'{name}': this server keeps no texts (monitoring.keep_text)",
                "unsupported_parameter", name,
            )  # fmt: skip
    if server.recorder is None:
        raise ApiError(
            404, "this server records no answers (monitoring.record)", "answer_not_found"
        )
    feedback = Feedback(asked.response_id, time.time(), **said)
    try:
        async with asyncio.timeout(_SECONDS):
            await asyncio.wrap_future(server.recorder.take(feedback, server.key(request)))
    except TimeoutError as error:
        raise ApiError(503, "feedback cannot be written now", "store_away", wait=2) from error
    except FeedbackError as error:
        status, code = _CODES.get(type(error), (503, "store_away"))
        wait = 2 if status == 503 else None
        raise ApiError(status, str(error), code, "response_id", wait) from error
    return FeedbackAnswer(response_id=asked.response_id)
