"""Runs a server from the first check to the last answer."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import logging
import signal
import socket
from pathlib import Path
from typing import Any

from stemma.errors import SettingsError
from stemma.registry.models import artifact_of
from stemma.serving import keys, source
from stemma.serving.canary import Watch
from stemma.serving.deployment import Deployment
from stemma.serving.fleet import Fleet
from stemma.serving.following import Follower, note
from stemma.serving.settings import ServingSettings
from stemma.serving.shadow import Shadow
from stemma.serving.source import Source
from stemma.store.errors import ProjectError
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

    from stemma.serving import recording
    from stemma.serving.api.app import app
    from stemma.serving.api.connection import connection_of
    from stemma.serving.api.server import Server
    from stemma.serving.metrics import Metrics

    check_open(host, settings.keys is not None)
    doorkeeper = keys.Doorkeeper(keys.read(Path(settings.keys))) if settings.keys else None
    server = Server(Fleet(wanted.stage), settings, Metrics(), doorkeeper)
    config = uvicorn.Config(
        app(server), log_config=None, access_log=False, lifespan="off", server_header=False,
        http=connection_of(settings.body_seconds),
        timeout_graceful_shutdown=int(settings.drain_seconds) or 1,
    )  # fmt: skip
    listening = _listening(host, port)
    end_records = recording.install(server, root)
    # uvicorn ends on these, and then sends them to itself again.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    try:
        asyncio.run(_serve(uvicorn.Server(config), Conductor(server, wanted, root), listening))
    finally:
        end_records()


async def _serve(web: Any, conductor: Conductor, listening: socket.socket) -> None:
    """Answer from the first moment on, with 503 until a version is ready."""
    serving = asyncio.create_task(web.serve(sockets=[listening]))
    beginning = asyncio.create_task(conductor.begin())
    await asyncio.wait([serving, beginning], return_when=asyncio.FIRST_COMPLETED)
    is_begun = beginning.done() and beginning.exception() is None
    if is_begun:
        host, port = listening.getsockname()[:2]
        LOG.info("ready: http://%s:%d", f"[{host}]" if ":" in host else host, port)
    else:
        beginning.cancel()
        web.should_exit = True
    await serving
    await conductor.end()
    if not is_begun and not beginning.cancelled():
        await beginning


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ProjectError: the address is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise ProjectError(
            f"{host} port {port} cannot be used: {told}", "--port takes another one, 0 any"
        ) from error


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
            await self._start_others()
        except BaseException:
            await self.end()
            raise

    async def end(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server.measurer:
            await self._server.measurer.end()
        await self._server.fleet.end()

    async def _start_others(self) -> None:
        fleet, wanted, settings = self._server.fleet, self._wanted, self._server.settings
        for word in wanted.also:
            fleet.also.append(await self._named(word, "also"))
        if wanted.canary:
            word, fleet.share = wanted.canary
            fleet.canary = await self._named(word, "canary")
            watch = Watch(fleet.canary, lambda: fleet.current, settings.canary, self._drop_canary)
            self._server.observers.append(watch.observe)
        if wanted.shadow:
            fleet.shadow = await self._named(wanted.shadow, "shadow")
            from stemma.serving import recording

            shadow = Shadow(
                fleet.shadow, fleet, self._root, recording.of_shadow(self._server, fleet.shadow)
            )
            self._server.observers.append(shadow.observe)
            self._tasks.append(asyncio.create_task(shadow.run()))
        if fleet.stage:
            follower = Follower(
                fleet, self._server.metrics, settings, wanted.artifact, self._started, self._root
            )
            self._tasks.append(asyncio.create_task(follower.run()))

    async def _named(self, word: str, role: str) -> Deployment:
        found = await asyncio.to_thread(source.registered, self._root, word)
        if any(one.name == found.name for one, _ in self._server.fleet.all()):
            raise SettingsError(f"{found.name} is asked for twice", "name another version")
        made = await self._started(found, role)
        made.meter.role(role)
        return made

    async def _drop_canary(self, why: str, facts: dict[str, Any]) -> None:
        dropped = self._server.fleet.drop_canary()
        if dropped is None:
            return
        LOG.error("the canary %s is dropped: %s", dropped.name, why)
        stage = self._server.fleet.stage or "prod"
        await asyncio.to_thread(note, self._root, dropped.name, stage, "dropped", why, facts)

    async def _started(self, found: Source, role: str = "current") -> Deployment:
        meter = self._server.metrics.of(found.artifact, found.name)
        made = Deployment(found, self._server.settings, self._root, meter)
        LOG.info("%s: starting", found.name)
        await made.start()
        LOG.info("%s: ready (%s)", found.name, made.facts["engine"])
        if self._server.measurer and role != "shadow":
            self._server.measurer.begin(made)
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
