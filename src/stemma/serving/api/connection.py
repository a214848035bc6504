"""Ends connections on which no request comes; uvicorn waits for the rest of a head without end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from stemma.serving.api.errors import ApiError


class Connection(H11Protocol):
    """A connection of uvicorn's, on which the head of a request must come in time.

    Attributes:
        seconds: in which it must have come.
    """

    seconds = 30.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on, unless that was the rest of a head."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._calm()

    def _wait(self) -> None:
        # Until a head is there, h11 takes the client to be idle.
        if self.conn.their_state is not h11.IDLE:
            self._calm()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _calm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_LATE)
            self.transport.close()


def connection_of(seconds: float) -> type[Connection]:
    """Return what uvicorn is to make of each connection.

    Args:
        seconds: in which the head of a request must have come, as its body must (`Gate`).
    """
    return type("Connection", (Connection,), {"seconds": seconds})


def _too_late() -> bytes:
    error = ApiError(408, "the request did not come in time", "timeout")
    body = json.dumps(error.body()).encode()
    head = (
        "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


_TOO_LATE = _too_late()
