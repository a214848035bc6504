"""One request for text, from its admission to the last token, however it is shaped for clients."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from stemma.errors import StemmaError
from stemma.serving.api import errors
from stemma.serving.api.consent import consents
from stemma.serving.api.errors import ApiError
from stemma.serving.api.fields import Sampling
from stemma.serving.api.server import Server
from stemma.serving.deployment import Deployment
from stemma.serving.metrics import Clock

T = TypeVar("T")
LOG = logging.getLogger("stemma.serve")
_GONE = 499  # as nginx has it: the client left before it was answered


@dataclasses.dataclass
class Generation:
    """A request that is being answered.

    Attributes:
        server: whose request it is.
        deployment: the version that answers.
        message: to its engine.
        id: of the answer, as the client has it.
        endpoint: that was asked.
        role: as what the version ran when it was picked.
        who: the user.
        key: the name of the key; None where none is needed.
        consent: whether the client agrees that the texts are kept.
        clock: times it.
        prompt: how many tokens the prompts have; known once it is opened.
        pieces: what comes of the answers.
        finishes: why each answer ended, by its index.
        failure: why it was not answered; None as long as all is well.
    """

    server: Server
    deployment: Deployment
    message: dict[str, Any]
    id: str
    endpoint: str
    role: str
    who: str
    key: str | None
    consent: bool
    clock: Clock
    prompt: int = 0
    finishes: dict[int, str] = dataclasses.field(default_factory=dict)
    failure: str | None = None
    texts: dict[int, str] = dataclasses.field(default_factory=dict)
    _pieces: AsyncGenerator[dict[str, Any]] | None = None

    @property
    def answers(self) -> int:
        """How many there will be."""
        return len(self.message["prompts"]) * self.message["n"]

    @property
    def completion(self) -> int:
        """How many tokens were generated."""
        return self.clock.tokens

    async def open(self) -> None:
        """Wait until the engine has taken the request.

        Raises:
            StemmaError: it is refused.
        """
        self._pieces = self._run()
        told = await anext(self._pieces)
        self.prompt = told["prompt_tokens"]
        self.deployment.meter.prompt.inc(self.prompt)

    async def pieces(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield what comes of the answers; leaving the loop cancels the request."""
        assert self._pieces
        async with contextlib.aclosing(self._pieces) as pieces:
            async for told in pieces:
                if "begun" in told:
                    self.clock.begin()
                elif "text" in told:
                    self.clock.token(told["index"])
                    index = told["index"]
                    self.texts[index] = self.texts.get(index, "") + told["text"]
                    if told["finish"]:
                        self.finishes[index] = told["finish"]
                    yield told

    async def _run(self) -> AsyncGenerator[dict[str, Any]]:
        deadline = asyncio.get_running_loop().time() + self.server.settings.seconds
        done = False
        try:
            with self.deployment.admitted(self.answers):
                asked = self.deployment.ask(self.message)
                async with contextlib.aclosing(asked) as answers:
                    while (told := await _next(answers, deadline)) is not None:
                        yield told
                done = True
        except (StemmaError, ApiError) as error:
            self.failure = errors.reason(error)
            raise
        finally:
            if not done and self.failure is None:
                self.failure = "client_gone"
            self._settle()

    def _settle(self) -> None:
        """Count the request, and tell those who compare versions of it."""
        if self.failure is None:
            self.clock.end("length" if "length" in self.finishes.values() else "stop")
        else:
            self.deployment.meter.failed(self.failure)
        self.server.observe(self)


async def _next(answers: AsyncIterator[dict[str, Any]], deadline: float) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(answers, None)
    except TimeoutError as error:
        raise ApiError(504, "the answer took too long", "timeout") from error


async def opened(
    request: Request, asked: Sampling, prompts: list[Any], prefix: str, *, most: int | None,
    default: int, logprobs: int | None = None, schema: dict[str, Any] | None = None,
) -> Generation:  # fmt: skip
    """Begin to answer a request.

    Args:
        request: of HTTP.
        asked: its body.
        prompts: texts, tokens or conversations.
        prefix: of the id of the answer.
        most: tokens of an answer that it asks for; None for what is left.
        default: tokens where it asks for no number.
        logprobs: how many of the likeliest tokens it wants to see; None for none.
        schema: that its answers keep to.

    Raises:
        ApiError: it asks for too much.
        StemmaError: it is refused.
    """
    server = Server.of(request)
    settings = server.settings
    n = asked.n or 1
    if n * len(prompts) > settings.answers:
        told = f"'n': at most {settings.answers} answers are given"
        raise ApiError(400, told, "invalid_value", "n")
    if most is not None and most > settings.completion_tokens:
        raise ApiError(
            400, f"'max_tokens': an answer has at most {settings.completion_tokens} tokens here",
            "invalid_value", "max_tokens",
        )  # fmt: skip
    who = server.who(request, asked.user)
    deployment = server.fleet.pick(asked.model, who)
    message = {
        "do": "generate", "prompts": prompts, "n": n,
        "max_tokens": most or min(default, settings.completion_tokens), "strict": most is not None,
        "temperature": 1.0 if asked.temperature is None else asked.temperature,
        "top_p": asked.top_p or 1.0, "top_k": max(0, asked.top_k or 0),
        "seed": secrets.randbelow(2**63) if asked.seed is None else asked.seed,
        "logprobs": logprobs, "stop": asked.stops(), "schema": schema,
        "ignore_eos": bool(asked.ignore_eos),
    }  # fmt: skip
    name, role = f"{prefix}{secrets.token_hex(12)}", server.fleet.role(deployment)
    found = Generation(
        server, deployment, message, name, request.url.path, role, who, server.key(request),
        consents(asked, settings), Clock(deployment.meter),
    )  # fmt: skip
    await found.open()
    request.state.told = found
    return found


async def streamed(found: Generation, events: AsyncIterator[str]) -> Response:
    """Return an answer of events; what goes wrong on the way is the last one."""

    async def body() -> AsyncIterator[str]:
        try:
            async for event in events:
                yield event
        except StemmaError as error:
            yield errors.stream_error(errors.of(error))
        except ApiError as error:
            yield errors.stream_error(error)

    headers = headers_of(found.deployment) | {
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
    }
    return StreamingResponse(body(), media_type="text/event-stream", headers=headers)


async def collected(request: Request, found: Generation) -> list[list[dict[str, Any]]]:
    """Return the pieces of each answer, once all are there; give up when the client leaves."""

    async def gather() -> list[list[dict[str, Any]]]:
        answers: list[list[dict[str, Any]]] = [[] for _ in range(found.answers)]
        async with contextlib.aclosing(found.pieces()) as pieces:
            async for piece in pieces:
                answers[piece["index"]].append(piece)
        return answers

    return await unless_gone(request, gather)


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """Do some work, and cancel it when the client leaves.

    Raises:
        ApiError: the client has left; nobody reads it.
    """

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, watching = asyncio.ensure_future(work()), asyncio.ensure_future(watch())
    try:
        await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ApiError(_GONE, "the client has left", "client_gone")
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


def headers_of(deployment: Deployment) -> dict[str, str]:
    """Return the headers that name the version."""
    return {"X-Stemma-Version": deployment.name}


def answer(deployment: Deployment, told: dict[str, Any]) -> JSONResponse:
    """Return an answer with the headers of its version."""
    return JSONResponse(told, headers=headers_of(deployment))


def head(found: Generation, kind: str) -> dict[str, Any]:
    """Return the fields with which an answer and each of its chunks begin."""
    return {
        "id": found.id, "object": kind, "created": int(time.time()),
        "model": found.deployment.name, "system_fingerprint": fingerprint(found.deployment),
    }  # fmt: skip


def fingerprint(deployment: Deployment) -> str:
    """Return what tells bytes, engine and arithmetic: the same text for the same seed."""
    facts = deployment.facts
    return f"fp_{deployment.source.digest[:12]}_{facts['engine']}_{facts['dtype']}"


async def asked_once(server: Server, deployment: Deployment, message: dict[str, Any]) -> Any:
    """Return what comes back of a message that has one answer.

    Raises:
        StemmaError: it is refused.
        ApiError: it takes too long.
    """
    try:
        async with asyncio.timeout(server.settings.seconds):
            return [told async for told in deployment.ask(message)][-1]
    except TimeoutError as error:
        raise ApiError(504, "the answer took too long", "timeout") from error
