"""What the server's OpenAPI says beside the fields of bodies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from stemma.serving.api.errors import ErrorAnswer
from stemma.serving.api.server import Server

_SCHEME = "key"
_EVENT = {
    "type": "object", "required": ["data"],
    "properties": {"data": {"type": "string"}, "event": {"type": "string"}},
}  # fmt: skip


def _header(told: str, kind: str = "string") -> dict[str, Any]:
    return {"description": told, "required": True, "schema": {"type": kind}}


_RETRY = {"Retry-After": _header("Seconds after which to try again", "integer")}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _header("Bearer")}, 429: _RETRY, 503: _RETRY,
}  # fmt: skip
ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorAnswer, "description": told, "headers": _HEADERS.get(code, {})}
    for code, told in {
        400: "The request is wrong", 401: "No key, or a wrong one",
        403: "Another key has asked for the answer", 404: "There is no such model, or answer",
        408: "The body did not come in time", 409: "There is feedback on the answer already",
        413: "The body is too large", 429: "Too much waits, or too many requests of this key",
        500: "The server's fault", 503: "No engine at the moment", 504: "It took too long",
    }.items()
}  # fmt: skip
"""What any endpoint may answer instead of what is asked."""


def answered(
    shape: type[BaseModel], *, streams: bool = False, named: bool = True
) -> dict[int | str, dict[str, Any]]:
    """Return how the answer of an endpoint is described.

    Args:
        shape: of it.
        streams: whether it may come as server-sent events.
        named: whether a header names the version.
    """
    told: dict[str, Any] = {"model": shape, "description": shape.__doc__}
    if streams:
        told["content"] = {"text/event-stream": {"schema": _EVENT}}
    if named:
        told["headers"] = {"X-Stemma-Version": _header("The version that answered")}
    return {200: told}


def describe(made: FastAPI, server: Server, without_key: Collection[str]) -> None:
    """Let a description say what is so for this server.

    Args:
        made: the application.
        server: whose it is.
        without_key: paths that are answered without a key.
    """
    described = made.openapi

    def openapi() -> dict[str, Any]:
        if made.openapi_schema is None:
            told = described()
            _limit(told, server)
            for path, operations in told["paths"].items():
                for operation in operations.values():
                    # What FastAPI would answer to a wrong body is a 400 here.
                    operation["responses"].pop("422", None)
                    is_open = server.doorkeeper is None or path in without_key
                    operation |= {"security": [] if is_open else [{_SCHEME: []}]}
                    if is_open:
                        operation["responses"].pop("401", None)
            if server.doorkeeper is not None:
                schemes = {_SCHEME: {"type": "http", "scheme": "bearer"}}
                told["components"]["securitySchemes"] = schemes
        assert made.openapi_schema is not None
        return made.openapi_schema

    made.openapi = openapi


def _limit(told: dict[str, Any], server: Server) -> None:
    """Say what one request may ask of this server."""
    settings = server.settings
    most = dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "max_output_tokens"), settings.completion_tokens
    )
    for shape in told["components"]["schemas"].values():
        for name, field in shape.get("properties", {}).items():
            if limit := (most | {"n": settings.answers}).get(name):
                for form in field.get("anyOf", ()):
                    if form["type"] == "integer":
                        form["maximum"] = limit
