"""The endpoint /v1/chat/completions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field, model_validator

from stemma.serving.api.chunks import Chunks, whole
from stemma.serving.api.description import answered
from stemma.serving.api.fields import (
    Body,
    ResponseFormat,
    Sampling,
    StreamOptions,
    Tokens,
    schema_of,
)
from stemma.serving.api.generation import Generation, collected, opened, streamed
from stemma.serving.api.shapes import ChatCompletion

router = APIRouter()


class TextPart(Body):
    """A part of a message."""

    type: Literal["text", "input_text", "output_text"]
    text: str


class Message(Body):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(min_length=1)]
    name: None = None
    refusal: None = None


class ChatRequest(Sampling):
    """A conversation to be answered."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def _fits(self) -> ChatRequest:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs is for logprobs: true")
        return self


def conversation(messages: Sequence[Any]) -> list[dict[str, str]]:
    """Return messages as an engine takes them: ``role``, and ``content`` as one text."""
    return [
        {
            "role": "system" if one.role == "developer" else one.role,
            "content": one.content if isinstance(one.content, str)
            else "".join(part.text for part in one.content),
        }
        for one in messages
    ]  # fmt: skip


@router.post(
    "/v1/chat/completions", response_model=None, responses=answered(ChatCompletion, streams=True)
)
async def chat(request: Request, asked: ChatRequest) -> Response:
    """Answer a conversation."""
    found = await opened(
        request, asked, [conversation(asked.messages)], "chatcmpl-",
        most=asked.max_completion_tokens or asked.max_tokens, default=2**31,
        logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        schema=schema_of(asked.response_format),
    )  # fmt: skip
    if asked.stream:
        return await streamed(found, _events(found, asked.stream_options))
    answers = await collected(request, found)
    choices = [
        {
            "index": index,
            "message": {
                "role": "assistant", "content": found.texts.get(index, ""), "refusal": None,
                "annotations": [],
            },
            "logprobs": _logprobs([one for piece in pieces for one in piece.get("logprobs", ())])
            if asked.logprobs else None,
            "finish_reason": found.finishes[index],
        }
        for index, pieces in enumerate(answers)
    ]  # fmt: skip
    return whole(found, "chat.completion", choices)


async def _events(found: Generation, options: StreamOptions | None) -> AsyncIterator[str]:
    chunks = Chunks(found, "chat.completion.chunk", options)

    def chunk(index: int, delta: dict[str, Any], finish: str | None, logprobs: Any = None) -> str:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return chunks.one(choice)

    for index in range(found.answers):
        yield chunk(index, {"role": "assistant", "content": ""}, None)
    async for piece in found.pieces():
        logprobs = _logprobs(piece["logprobs"]) if "logprobs" in piece else None
        if piece["text"] or logprobs:
            yield chunk(piece["index"], {"content": piece["text"]}, None, logprobs)
        if piece["finish"]:
            yield chunk(piece["index"], {}, piece["finish"])
    for event in chunks.last():
        yield event


def _logprobs(tokens: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": tokens, "refusal": None}
