"""Serves the page: its files, and what it asks beside the API."""

import dataclasses
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from stemma.errors import DataError, SettingsError
from stemma.pages import colours
from stemma.serving.votes import Ballot, Take
from stemma.store.errors import ProjectError

if TYPE_CHECKING:
    from fastapi import APIRouter

About = Callable[[str | None], dict[str, Any]]
"""Tells of a version that is served, by its id; None for the current one."""

FILES = (
    "page.css", "page.js", "api.js", "answer.js", "beside.js", "chat.js", "dom.js", "markdown.js",
    "thumbs.js", "version.js", "icon.svg",
)  # fmt: skip
"""What the browser fetches from ``/page/``."""
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}
# Nothing from elsewhere, nothing inline, and no frame around it.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def content(name: str) -> str:
    """Return a file of the page."""
    text = (files("stemma.serving.page") / name).read_text(encoding="utf-8")
    return theme() + text if name == "page.css" else text


def theme() -> str:
    """Return the colours of every page of Stemma, by day and by night, as CSS."""
    day, night = _variables(colours.LIGHT), _variables(colours.DARK)
    return f":root {{ {day} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {night} }} }}\n"


def router(about: About, votes: Take) -> "APIRouter":
    """Return the routes of the page: ``/``, its files, ``/page/about`` and ``/page/votes``.

    A SettingsError of either function becomes a 400, a file that is torn or missing a 500, both as
    the API has them; other errors are left to the app.

    Args:
        about: as `stemma.serving.about.about` tells it.
        votes: as `stemma.serving.votes.taker` makes it.
    """
    from fastapi import APIRouter, Request, Response
    from fastapi.responses import JSONResponse

    routes = APIRouter()

    def serve(path: str, name: str) -> None:
        def send() -> Response:
            kind = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"
            return Response(content(name), headers=_HEADERS | {"Content-Type": kind})

        routes.add_api_route(path, send, methods=["GET"], include_in_schema=False)

    serve("/", "index.html")
    for name in FILES:
        serve(f"/page/{name}", name)

    @routes.get("/page/about", summary="Card, metrics and lineage of a version")
    def tell(model: str | None = None) -> JSONResponse:
        return _answered(lambda: about(model), JSONResponse)

    @routes.post("/page/votes", summary="Keep which of two answers is better")
    def take(ballot: Ballot, request: Request) -> JSONResponse:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        given = key.strip() if scheme.lower() == "bearer" else ""
        return _answered(lambda: dataclasses.asdict(votes(ballot, given or None)), JSONResponse)

    return routes


def _answered(find: Callable[[], dict[str, Any]], response: Callable[..., Any]) -> Any:
    try:
        return response(find(), headers={"Cache-Control": "no-store"})
    except (SettingsError, DataError, ProjectError) as error:
        status = 400 if isinstance(error, SettingsError) else 500
        kind = "invalid_request_error" if isinstance(error, SettingsError) else "server_error"
        told = {"message": str(error), "type": kind, "param": None, "code": None}
        return response({"error": told}, status_code=status)


def _variables(values: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in values.items())
