"""What all endpoints share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from fastapi import Request

from stemma.monitoring.recorder import Recorder
from stemma.serving.fleet import Fleet
from stemma.serving.keys import Doorkeeper
from stemma.serving.measuring import Measurer
from stemma.serving.metrics import Metrics
from stemma.serving.settings import ServingSettings


@dataclasses.dataclass
class Server:
    """A server.

    Attributes:
        fleet: the versions that run.
        settings: how they are served.
        metrics: what Prometheus is told.
        doorkeeper: lets those in who have a key; None where anybody may ask.
        recorder: keeps a record of each request for text; None if none is kept.
        measurer: asks versions what they make of prompts; None if nothing is recorded.
        observers: are told of each request for text, once it is over.
    """

    fleet: Fleet
    settings: ServingSettings
    metrics: Metrics
    doorkeeper: Doorkeeper | None = None
    recorder: Recorder | None = None
    measurer: Measurer | None = None
    observers: list[Callable[[Any], None]] = dataclasses.field(default_factory=list)

    @staticmethod
    def of(request: Request) -> Server:
        """Return the server that a request came to."""
        return request.app.state.server

    def who(self, request: Request, user: str | None) -> str:
        """Return who asks: the user that the request names, else its key, else its address."""
        if user:
            return f"user {user}"
        key = getattr(request.state, "key", None)
        if key is not None:
            return f"key {key.name}"
        return f"address {request.client.host if request.client else ''}"

    def key(self, request: Request) -> str | None:
        """Return the name of the key with which a request came; None where none is needed."""
        key = getattr(request.state, "key", None)
        return key.name if key else None

    def observe(self, generation: Any) -> None:
        """Tell the observers of a request that is over."""
        for one in self.observers:
            one(generation)
