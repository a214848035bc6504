"""POST /v1/responses: the stateless part; an answer cannot be gone back to."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field, model_validator

from stemma.serving.api.chat import Message as ChatMessage
from stemma.serving.api.chat import TextPart, conversation
from stemma.serving.api.description import answered
from stemma.serving.api.fields import (
    Body,
    JsonFormat,
    Sampling,
    Temperature,
    TextFormat,
    Tokens,
    TopP,
    schema_of,
)
from stemma.serving.api.generation import Generation, answer, collected, opened, streamed
from stemma.serving.api.shapes import ResponseAnswer

router = APIRouter()


class SchemaFormat(Body):
    """JSON that a schema describes."""

    type: Literal["json_schema"]
    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextOptions(Body):
    """What the text is to be."""

    format: Annotated[
        TextFormat | JsonFormat | SchemaFormat | None, Field(discriminator="type")
    ] = None


class InputMessage(Body):
    """A message of the input; what an earlier answer said besides its text is let through."""

    role: Literal["system", "developer", "user", "assistant"]
    type: Literal["message"] = "message"
    id: str | None = None
    status: Literal["completed", "in_progress", "incomplete"] | None = None
    phase: Literal["commentary", "final_answer"] | None = None
    content: str | Annotated[list[OutputPart], Field(min_length=1)]


class OutputPart(TextPart):
    """A part of a message, as answers have it."""

    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class ResponseRequest(Body):
    """A conversation to be answered."""

    input: str | Annotated[list[InputMessage], Field(min_length=1)]
    model: str
    instructions: str | None = None
    max_output_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    text: TextOptions | None = None
    stream: bool | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    store: bool | None = None

    @model_validator(mode="after")
    def _consent(self) -> ResponseRequest:
        if (self.metadata or {}).get("consent") not in (None, "true", "false"):
            raise ValueError("metadata.consent is 'true' or 'false'")
        return self

    def messages(self) -> list[dict[str, str]]:
        """Return the conversation, the instructions first."""
        first = [] if self.instructions is None else [
            ChatMessage(role="system", content=self.instructions)
        ]  # fmt: skip
        if isinstance(self.input, str):
            return conversation([*first, ChatMessage(role="user", content=self.input)])
        return conversation([*first, *self.input])

    def sampling(self) -> Sampling:
        """Return how tokens are drawn, as other endpoints have it."""
        names = ("model", "temperature", "top_p", "user", "stream", "store")
        consent = (self.metadata or {}).get("consent")
        given = {name: getattr(self, name) for name in names}
        return Sampling.model_validate(given | {"metadata": {"consent": consent}})


@router.post("/v1/responses", response_model=None, responses=answered(ResponseAnswer, streams=True))
async def respond(request: Request, asked: ResponseRequest) -> Response:
    """Answer a conversation."""
    schema = schema_of(asked.text.format if asked.text else None)
    found = await opened(
        request, asked.sampling(), [asked.messages()], "resp_", most=asked.max_output_tokens,
        default=2**31, schema=schema,
    )  # fmt: skip
    told = _head(asked, found)
    if asked.stream:
        return await streamed(found, _events(found, told))
    await collected(request, found)
    return answer(found.deployment, told | _end(found, f"msg_{secrets.token_hex(12)}"))


def _head(asked: ResponseRequest, found: Generation) -> dict[str, Any]:
    """Return all that is known of an answer before its first token."""
    told_format: dict[str, Any] = {"type": "text"}
    if asked.text and asked.text.format:
        told_format = asked.text.format.model_dump(by_alias=True, exclude_none=True)
    return {
        "id": found.id, "object": "response",
        "created_at": int(time.time()), "completed_at": None, "status": "in_progress",
        "model": found.deployment.name, "instructions": asked.instructions,
        "temperature": found.message["temperature"], "top_p": found.message["top_p"],
        "max_output_tokens": asked.max_output_tokens, "text": {"format": told_format},
        "metadata": asked.metadata or {}, "output": [], "usage": None, "error": None,
        "incomplete_details": None, "previous_response_id": None, "tools": [],
        "tool_choice": "none", "parallel_tool_calls": False, "max_tool_calls": None,
        "truncation": "disabled", "presence_penalty": 0, "frequency_penalty": 0,
        "top_logprobs": 0, "reasoning": {"effort": None, "summary": None},
        "store": bool(asked.store), "background": False, "service_tier": "default",
        "safety_identifier": None, "prompt_cache_key": None,
    }  # fmt: skip


def _end(found: Generation, item: str) -> dict[str, Any]:
    """Return what changes in it by the last one."""
    is_whole = found.finishes[0] == "stop"
    return {
        "status": "completed" if is_whole else "incomplete",
        "completed_at": int(time.time()) if is_whole else None,
        "incomplete_details": None if is_whole else {"reason": "max_output_tokens"},
        "output": [_item(item, found.texts.get(0, ""), is_whole)],
        "usage": {
            "input_tokens": found.prompt, "output_tokens": found.completion,
            "total_tokens": found.prompt + found.completion,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }  # fmt: skip


def _item(item: str, text: str | None, is_whole: bool) -> dict[str, Any]:
    status = "in_progress" if text is None else "completed" if is_whole else "incomplete"
    content = [] if text is None else [_part(text)]
    return {
        "id": item, "type": "message", "role": "assistant", "status": status, "content": content,
    }  # fmt: skip


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


async def _events(found: Generation, told: dict[str, Any]) -> AsyncIterator[str]:
    item = f"msg_{secrets.token_hex(12)}"
    place = {"item_id": item, "output_index": 0, "content_index": 0}
    number = -1

    def event(kind: str, facts: dict[str, Any]) -> str:
        nonlocal number
        number += 1
        data = json.dumps({"type": kind, "sequence_number": number} | facts)
        return f"event: {kind}\ndata: {data}\n\n"

    yield event("response.created", {"response": told})
    yield event("response.in_progress", {"response": told})
    yield event("response.output_item.added", {"output_index": 0, "item": _item(item, None, False)})
    yield event("response.content_part.added", place | {"part": _part("")})
    async for piece in found.pieces():
        if piece["text"]:
            yield event(
                "response.output_text.delta", place | {"delta": piece["text"], "logprobs": []}
            )
    end = _end(found, item)
    text = found.texts.get(0, "")
    yield event("response.output_text.done", place | {"text": text, "logprobs": []})
    yield event("response.content_part.done", place | {"part": _part(text)})
    yield event("response.output_item.done", {"output_index": 0, "item": end["output"][0]})
    yield event(f"response.{end['status']}", {"response": told | end})
    yield "data: [DONE]\n\n"
