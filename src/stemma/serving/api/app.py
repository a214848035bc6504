"""The endpoints, put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from stemma.serving.api import chat, completions, errors, feedback, page, pooling, responses, status
from stemma.serving.api.description import ERRORS, describe
from stemma.serving.api.gate import OPEN, Gate
from stemma.serving.api.server import Server


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
        made.include_router(one.router, responses=ERRORS)
    made.include_router(page.router_of(server), responses=ERRORS)
    describe(made, server, OPEN)
    return Gate(made, server)
