"""The endpoints, put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from stemma.serving.api import chat, completions, errors, feedback, page, pooling, responses, status
from stemma.serving.api.gate import Gate
from stemma.serving.api.server import Server

_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": errors.ErrorAnswer, "description": told}
    for code, told in {
        400: "The request is wrong", 401: "No key, or a wrong one",
        403: "Another key has asked for the answer", 404: "There is no such model, or answer",
        409: "There is feedback on the answer already", 408: "The body did not come in time",
        413: "The body is too large", 429: "Too much waits, or too many requests of this key",
        500: "The server's fault", 503: "No engine at the moment", 504: "It took too long",
    }.items()
}  # fmt: skip


def app(server: Server) -> Any:
    """Return the application.

    Args:
        server: what the endpoints share.
    """
    made = FastAPI(
        title="Stemma", version=version("stemma-lm"), docs_url=None,
        redoc_url=None, openapi_url="/openapi.json",
    )  # fmt: skip
    made.state.server = server
    errors.install(made)
    for one in (chat, completions, responses, feedback, pooling, status):
        made.include_router(one.router, responses=_ERRORS)
    made.include_router(page.router_of(server), responses=_ERRORS)
    _without_422(made)
    return Gate(made, server)


def _without_422(made: FastAPI) -> None:
    """Leave what FastAPI would answer to a wrong body out of the description: it is a 400 here."""
    described = made.openapi

    def openapi() -> dict[str, Any]:
        told = described()
        for path in told["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        return told

    made.openapi = openapi
