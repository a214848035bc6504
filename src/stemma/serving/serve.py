"""Runs a server from the first check to the last answer."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from stemma.errors import SettingsError
from stemma.registry.models import artifact_of
from stemma.serving import keys, source
from stemma.serving.deployment import Deployment
from stemma.serving.fleet import Fleet
from stemma.serving.settings import ServingSettings
from stemma.serving.source import Source
from stemma.store.registry import Registry

LOG = logging.getLogger("stemma.serve")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be served: one of stage, version, rev and path; a stage if none is given.

    Attributes:
        stage: whose version is followed.
        version: a registered one.
        rev: any commit.
        path: a folder.
        artifact: the model, where a project has more than one.
        canary: a version, and the share of users whom it answers.
        shadow: a version that gets the same requests.
        also: versions that can be asked for by name.
    """

    stage: str | None = None
    version: str | None = None
    rev: str | None = None
    path: Path | None = None
    artifact: str | None = None
    canary: tuple[str, float] | None = None
    shadow: str | None = None
    also: tuple[str, ...] = ()

    def find(self, root: Path) -> Source:
        """Return it, checked.

        Raises:
            StemmaError: it is not there, or may not be used.
        """
        if self.path is not None:
            return source.path(root, self.path)
        if self.rev is not None:
            return source.revision(root, self.rev, self.artifact)
        if self.version is not None:
            return source.registered(root, self.version)
        assert self.stage
        return source.on_stage(root, self.stage, self.artifact)


def check_open(host: str, has_keys: bool) -> None:
    """Refuse to be asked by other machines without a key.

    Raises:
        SettingsError: the address is not of this machine alone, and there are no keys.
    """
    if has_keys or _is_loopback(host):
        return
    raise SettingsError(
        f"{host} can be reached from other machines, and there are no keys",
        "`stemma key NAME --file keys.yaml` makes one; --keys keys.yaml asks for it",
    )


def run(
    wanted: Wanted, settings: ServingSettings, host: str, port: int, root: Path = Path()
) -> None:
    """Serve until it is told to end.

    Raises:
        StemmaError: what is wanted is not there, may not be used, or does not run.
    """
    import uvicorn

    from stemma.serving.api.app import app
    from stemma.serving.api.server import Server
    from stemma.serving.metrics import Metrics

    check_open(host, settings.keys is not None)
    doorkeeper = keys.Doorkeeper(keys.read(Path(settings.keys))) if settings.keys else None
    server = Server(Fleet(wanted.stage), settings, Metrics(), doorkeeper)
    conductor = Conductor(server, wanted, root)
    failures: list[BaseException] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            await conductor.begin()
        except BaseException as error:
            failures.append(error)
            raise
        LOG.info("ready: http://%s:%d", host, port)
        yield
        await conductor.end()

    config = uvicorn.Config(
        app(server, lifespan), host=host, port=port, log_config=None, access_log=False,
        timeout_graceful_shutdown=int(settings.drain_seconds) or 1, server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()
    if failures:
        raise failures[0]


class Conductor:
    """Starts what is wanted, and follows the registry.

    Args:
        server: that it is for.
        wanted: what is to be served.
        root: the project.
    """

    def __init__(self, server: Any, wanted: Wanted, root: Path) -> None:
        self._server, self._wanted, self._root = server, wanted, root
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Start all that is wanted.

        Raises:
            StemmaError: one of them cannot be used, or does not run; none is left running.
        """
        try:
            first = await self._started(await asyncio.to_thread(self._wanted.find, self._root))
            self._server.fleet.change(first)
        except BaseException:
            await self.end()
            raise

    async def end(self) -> None:
        """End all of them."""
        self._server.fleet.draining = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.fleet.end()

    async def _started(self, found: Source) -> Deployment:
        meter = self._server.metrics.of(found.artifact, found.name)
        made = Deployment(found, self._server.settings, self._root, meter)
        LOG.info("%s: starting", found.name)
        await made.start()
        LOG.info("%s: ready (%s)", found.name, made.facts["engine"])
        return made


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def default_stage(root: Path) -> str | None:
    """Return the stage that is followed where nothing else is asked for; None if nothing can be."""
    registry = Registry(root)
    artifact = artifact_of(registry)
    stages = registry.stages(artifact)
    return "prod" if "prod" in stages else None
