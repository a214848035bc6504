"""What runs, and how it does: /v1/models, /version, /health, /metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from stemma.serving.api.description import answered
from stemma.serving.api.errors import ApiError
from stemma.serving.api.server import Server
from stemma.serving.api.shapes import Model, Models, Status, VersionAnswer

router = APIRouter()
_READY: dict[int | str, Any] = answered(Status, named=False) | {
    503: {"model": Status, "description": "Not at the moment", "headers": {}}
}
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/v1/models", response_model=None, responses=answered(Models, named=False))
async def models(request: Request) -> dict[str, Any]:
    """List the versions that can be asked, the current one first."""
    server = Server.of(request)
    return {"object": "list", "data": [_model(server, one) for one in server.fleet.told()]}


@router.get("/v1/models/{model:path}", response_model=None, responses=answered(Model, named=False))
async def model(request: Request, model: str) -> dict[str, Any]:
    """Tell of one version."""
    server = Server.of(request)
    wanted = server.fleet.pick(model, server.who(request, None)).name
    return next(_model(server, one) for one in server.fleet.told() if one["id"] == wanted)


@router.get("/version", response_model=None, responses=answered(VersionAnswer, named=False))
async def version(request: Request) -> dict[str, Any]:
    """Tell which version runs: its commit, digest, stage and engine."""
    fleet = Server.of(request).fleet
    current = fleet.current
    if current is None:
        raise ApiError(503, "no version is ready", "engine_away", wait=1)
    return {
        "version": current.name, "artifact": current.source.artifact,
        "commit": current.source.commit, "digest": current.source.digest, "stage": fleet.stage,
        "since": int(fleet.since), "engine": current.facts, "models": fleet.told(),
    }  # fmt: skip


@router.get("/health/live", response_model=None, responses=answered(Status, named=False))
async def live() -> dict[str, str]:
    """Say that the server runs."""
    return {"status": "live"}


@router.get("/health/ready", response_model=None, responses=_READY)
async def ready(request: Request) -> Response:
    """Say whether a request would be answered."""
    fleet = Server.of(request).fleet
    state = fleet.current.state if fleet.current else "starting"
    return JSONResponse({"status": state}, 200 if state == "ready" else 503)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return what Prometheus reads."""
    return Response(Server.of(request).metrics.text(), media_type=_PROMETHEUS)


def _model(server: Server, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": told["id"], "object": "model", "created": int(server.fleet.since),
        "owned_by": "stemma", "max_model_len": told["engine"].get("context"),
    }  # fmt: skip
