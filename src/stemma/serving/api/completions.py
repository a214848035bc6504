"""The endpoint /v1/completions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from stemma.serving.api.chunks import Chunks, whole
from stemma.serving.api.description import answered
from stemma.serving.api.fields import (
    ResponseFormat,
    Sampling,
    StreamOptions,
    Tokens,
    schema_of,
)
from stemma.serving.api.generation import Generation, collected, opened, streamed
from stemma.serving.api.shapes import Completion

_DEFAULT = 16  # tokens, as OpenAI has it

router = APIRouter()
Ids = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)]


class CompletionRequest(Sampling):
    """Texts to go on with."""

    prompt: (
        str
        | Annotated[list[str], Field(min_length=1)]
        | Ids
        | Annotated[list[Ids], Field(min_length=1)]
    )
    max_tokens: Tokens | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None

    def prompts(self) -> list[Any]:
        """Return one prompt or more."""
        if isinstance(self.prompt, list) and not isinstance(self.prompt[0], int):
            return [*self.prompt]
        return [self.prompt]


@router.post("/v1/completions", response_model=None, responses=answered(Completion, streams=True))
async def complete(request: Request, asked: CompletionRequest) -> Response:
    """Go on with texts."""
    found = await opened(
        request, asked, asked.prompts(), "cmpl-", most=asked.max_tokens, default=_DEFAULT,
        logprobs=asked.logprobs, schema=schema_of(asked.response_format),
    )  # fmt: skip
    if asked.stream:
        return await streamed(found, _events(found, asked.stream_options))
    answers = await collected(request, found)
    choices = [
        {
            "index": index, "text": found.texts.get(index, ""),
            "logprobs": None if asked.logprobs is None
            else _logprobs([one for piece in pieces for one in piece.get("logprobs", ())]),
            "finish_reason": found.finishes[index],
        }
        for index, pieces in enumerate(answers)
    ]  # fmt: skip
    return whole(found, "text_completion", choices)


async def _events(found: Generation, options: StreamOptions | None) -> AsyncIterator[str]:
    chunks = Chunks(found, "text_completion", options)
    places: dict[int, int] = {}
    async for piece in found.pieces():
        index = piece["index"]
        logprobs = None
        if "logprobs" in piece:
            logprobs = _logprobs(piece["logprobs"], places.get(index, 0))
            places[index] = places.get(index, 0) + len(piece["logprobs"][0]["token"])
        choice = {
            "index": index, "text": piece["text"], "logprobs": logprobs,
            "finish_reason": piece["finish"],
        }  # fmt: skip
        if piece["text"] or logprobs or piece["finish"]:
            yield chunks.one(choice)
    for event in chunks.last():
        yield event


def _logprobs(tokens: list[dict[str, Any]], offset: int = 0) -> dict[str, Any]:
    offsets = []
    for one in tokens:
        offsets.append(offset)
        offset += len(one["token"])
    return {
        "tokens": [one["token"] for one in tokens],
        "token_logprobs": [one["logprob"] for one in tokens],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in one["top_logprobs"]} for one in tokens
        ],
        "text_offset": offsets,
    }
