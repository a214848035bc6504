"""POST /v1/embeddings and POST /classify: what a model makes of a text without writing one."""

from __future__ import annotations

import base64
import secrets
import time
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from stemma.errors import StemmaError
from stemma.serving.api import errors
from stemma.serving.api.description import answered
from stemma.serving.api.errors import ApiError
from stemma.serving.api.fields import Body, usage
from stemma.serving.api.generation import answer, asked_once, unless_gone
from stemma.serving.api.server import Server
from stemma.serving.api.shapes import Classes, Embeddings

router = APIRouter()
_MOST = 2048  # inputs of one request, as OpenAI has it
Text = Annotated[str, Field(min_length=1)]
Texts = Text | Annotated[list[Text], Field(min_length=1, max_length=_MOST)]


class EmbeddingRequest(Body):
    """Texts to be embedded."""

    input: Texts
    model: str
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


class ClassifyRequest(Body):
    """Texts to be classified."""

    input: Texts
    model: str
    user: str | None = None


@router.post("/v1/embeddings", response_model=None, responses=answered(Embeddings))
async def embed(request: Request, asked: EmbeddingRequest) -> Response:
    """Return the mean of a model's last hidden states over the tokens of each text."""
    deployment, told = await _each(request, asked, "embed")
    as_text = asked.encoding_format == "base64"
    data = [
        {
            "object": "embedding", "index": index,
            "embedding": _base64(one["result"]) if as_text else one["result"],
        }
        for index, one in enumerate(told)
    ]  # fmt: skip
    tokens = sum(one["prompt_tokens"] for one in told)
    counts = {"prompt_tokens": tokens, "total_tokens": tokens}
    return answer(
        deployment, {"object": "list", "model": deployment.name, "data": data, "usage": counts}
    )


@router.post("/classify", response_model=None, responses=answered(Classes))
async def classify(request: Request, asked: ClassifyRequest) -> Response:
    """Return the class of each text, or of each of its tokens, as a tagger gives them."""
    deployment, told = await _each(request, asked, "classify")
    labels = deployment.facts["labels"]
    data = [{"index": index, **_classes(one["result"], labels)} for index, one in enumerate(told)]
    counts = usage(sum(one["prompt_tokens"] for one in told), 0)
    head = {
        "id": f"classify-{secrets.token_hex(12)}", "object": "list", "created": int(time.time()),
        "model": deployment.name,
    }  # fmt: skip
    return answer(deployment, head | {"data": data, "usage": counts})


async def _each(request: Request, asked: Any, do: str) -> tuple[Any, list[dict[str, Any]]]:
    server = Server.of(request)
    deployment = server.fleet.pick(asked.model, server.who(request, asked.user))
    texts = [asked.input] if isinstance(asked.input, str) else asked.input

    async def work() -> list[dict[str, Any]]:
        with deployment.admitted(1):
            return [
                await asked_once(server, deployment, {"do": do, "text": text}) for text in texts
            ]

    try:
        told = await unless_gone(request, work)
    except (StemmaError, ApiError) as error:
        deployment.meter.failed(errors.reason(error))
        raise
    deployment.meter.prompt.inc(sum(one["prompt_tokens"] for one in told))
    deployment.meter.success("stop")
    request.state.told = deployment
    return deployment, told


def _classes(result: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    shares = result["shares"]
    if "places" not in result:
        return {**_label(shares, labels), "num_classes": len(shares)}
    tokens = [
        {"start": start, "end": end, **_label(one, labels)}
        for (start, end), one in zip(result["places"], shares, strict=True)
        if end > start
    ]
    return {"tokens": tokens, "num_classes": len(labels)}


def _label(shares: list[float], labels: list[str]) -> dict[str, Any]:
    return {"label": labels[int(np.argmax(shares))], "probs": shares}


def _base64(values: list[float]) -> str:
    return base64.b64encode(np.array(values, "<f4").tobytes()).decode()
