"""Stands before all endpoints: keys, rates, the size of a body and the time that it takes.

It is plain ASGI: what Starlette offers for this hides from endpoints that a client has left.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any
from urllib.parse import quote

from stemma.serving.api.errors import ApiError
from stemma.serving.api.server import Server
from stemma.serving.page.pages import FILES

_SHOWN = 200  # characters of a path
LOG = logging.getLogger("stemma.serve")
OPEN = ("/health/live", "/health/ready", "/", *(f"/page/{name}" for name in FILES))
"""What is answered without a key."""


class Gate:
    """Lets requests through, or answers them.

    Args:
        app: what is behind it.
        server: whose it is.
    """

    def __init__(self, app: Any, server: Server) -> None:
        self._app, self._server = app, server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0
        state = scope.setdefault("state", {})

        async def sent(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._admit(scope, state)
            body = await self._body(scope, receive)
        except ApiError as error:
            await error.answer()(scope, receive, sent)
        else:
            await self._app(scope, _given(body, receive), sent)
        finally:
            self._log(scope, state, status, time.perf_counter() - start)

    def _admit(self, scope: Any, state: dict[str, Any]) -> None:
        keeper = self._server.doorkeeper
        if keeper is None or scope["path"] in OPEN:
            return
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        kind, _, word = given.partition(" ")
        key = keeper.who(word.strip()) if kind.lower() == "bearer" else None
        if key is None:
            raise ApiError(
                401, "the API key is wrong" if given else "an API key is needed", "invalid_api_key"
            )
        if wait := keeper.wait(key):
            told = f"this key may make {key.per_minute} requests in a minute"
            raise ApiError(429, told, "rate_limit_exceeded", wait=wait)
        state["key"] = key

    async def _body(self, scope: Any, receive: Any) -> bytes:
        """Return the whole body.

        Raises:
            ApiError: it is too large, or does not come in time.
        """
        settings = self._server.settings
        told = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = ApiError(
            413, f"the body has more than {settings.body_bytes} bytes", "body_too_large"
        )
        if told.isdigit() and int(told) > settings.body_bytes:
            raise too_large
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(settings.body_seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
                    parts.append(message.get("body", b""))
                    size, more = size + len(parts[-1]), message.get("more_body", False)
                    if size > settings.body_bytes:
                        raise too_large
        except TimeoutError as error:
            raise ApiError(408, "the body did not come in time", "timeout") from error
        return b"".join(parts)

    def _log(self, scope: Any, state: dict[str, Any], status: int, seconds: float) -> None:
        told = state.get("told")
        # What a client sends must not look like a line of the log.
        path = quote(scope["path"])[:_SHOWN]
        words = [scope["method"], path, str(status), f"{seconds:.3f} s"]
        if key := state.get("key"):
            words.append(f"key {key.name}")
        if told is not None and hasattr(told, "message"):
            words += [told.deployment.name, f"{told.prompt}+{told.completion} tokens"]
            if self._server.settings.log_prompts:
                texts = {"prompts": told.message["prompts"], "answers": [*told.texts.values()]}
                words.append(json.dumps(texts, ensure_ascii=False))
        quiet = scope["path"].startswith(("/health", "/metrics"))
        LOG.log(logging.DEBUG if quiet else logging.INFO, "%s", " ".join(words))


def _given(body: bytes, receive: Any) -> Any:
    """Return a ``receive`` that gives the body again, and then what comes after it."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
