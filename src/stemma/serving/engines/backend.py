"""What the server sees of an engine: a process that takes messages, and may die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Protocol

from stemma.serving.settings import ServingSettings


class Backend(Protocol):
    """Runs one version in processes of its own.

    Attributes:
        ended: is set when it can no longer be asked.
    """

    ended: asyncio.Event

    async def start(self, seconds: float) -> dict[str, Any]:
        """Start it, and return what it tells of itself once it can be asked.

        Raises:
            ModelError: it ends, or is not ready in time.
        """
        ...

    def ask(self, message: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Send a message, and yield what comes back (`stemma.serving.worker.worker` says what).

        Raises:
            GoneError: the process ends.
            RefusedRequestError: the model cannot do this.
        """
        ...

    async def stop(self) -> None:
        """End it, and wait until it is gone."""
        ...


def backend_of(folder: Path, settings: ServingSettings) -> Backend:
    """Return what runs the model of a folder, not yet started."""
    if settings.engine == "vllm":
        from stemma.serving.engines.vllm import Vllm

        return Vllm(folder, settings)
    from stemma.serving.process import Process

    names = ("engine", "dtype", "threads", "batched", "running", "room")
    return Process(folder, {name: getattr(settings, name) for name in names})
