"""What the page asks of the server that runs: what a version is, and a vote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from stemma.registry.models import Model
from stemma.serving.about import about
from stemma.serving.api.server import Server
from stemma.serving.deployment import AwayError
from stemma.serving.fleet import UnknownModelError
from stemma.serving.page.pages import router
from stemma.serving.votes import taker
from stemma.store.votes import Side


def router_of(server: Server, root: Path = Path()) -> APIRouter:
    """Return the routes of the page of a server.

    Args:
        server: whose versions they tell of.
        root: the project.
    """
    fleet = server.fleet

    def tell(name: str | None) -> dict[str, Any]:
        running = [one for one, role in fleet.all() if role != "shadow"]
        if not running:
            raise AwayError("no version is ready", "see /health/ready")
        for one in running:
            if name in (None, one.name):
                source = one.source
                return about(source.where, Model(source.artifact, source.output), root)
        raise UnknownModelError(f"the model '{name}' is not served here", "see /v1/models")

    def sides() -> list[Side]:
        return [Side(one["id"], one["commit"], one["digest"]) for one in fleet.told()]

    return router(tell, taker(root / server.settings.votes, sides))
