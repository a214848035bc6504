"""The versions that run at the moment, and which of them answers a request."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from typing import Any, Literal

from stemma.errors import StemmaError
from stemma.serving.deployment import AwayError, Deployment

Role = Literal["current", "canary", "shadow", "also"]
_STEPS = 10_000  # into which users are divided, of whom a canary has a share


class UnknownModelError(StemmaError):
    """A request asks for a model that is not served."""


class Fleet:
    """What runs, by its role.

    Attributes:
        current: answers whatever asks for no version by name.
        canary: answers for a share of the users.
        shadow: gets the same requests as the current one; nobody sees its answers.
        also: answer only if they are asked for by name.
        share: of the users whom the canary answers.
        stage: that the current one stands on; None if it was asked for by name.
        since: when the current one began, in seconds since 1970.
    """

    def __init__(self, stage: str | None = None) -> None:
        self.stage = stage
        self.current: Deployment | None = None
        self.canary: Deployment | None = None
        self.shadow: Deployment | None = None
        self.also: list[Deployment] = []
        self.share = 0.0
        self.since = 0.0
        self._leaving: set[asyncio.Task[None]] = set()

    def pick(self, model: str, who: str) -> Deployment:
        """Return the version that answers a request.

        Args:
            model: that it asks for: a version, the name of the model, or the model's on its stage.
            who: the user, who meets the same version every time.

        Raises:
            AwayError: there is none at the moment.
            UnknownModelError: it is not served.
        """
        if self.current is None:
            raise AwayError("no version is ready", "see /health/ready")
        source = self.current.source
        if model in (source.artifact, f"{source.artifact}#{self.stage}"):
            canary = self.canary
            if canary and canary.state == "ready" and _place_of(who) < self.share:
                return canary
            return self.current
        for one, role in self.all():
            if one.name == model and role != "shadow":
                return one
        served = ", ".join(one.name for one, role in self.all() if role != "shadow")
        raise UnknownModelError(
            f"the model '{model}' is not served here", f"ask for {source.artifact}, or {served}"
        )

    def all(self) -> Iterator[tuple[Deployment, Role]]:
        """Yield all that run, the current one first."""
        if self.current:
            yield self.current, "current"
        if self.canary:
            yield self.canary, "canary"
        for one in self.also:
            yield one, "also"
        if self.shadow:
            yield self.shadow, "shadow"

    def role(self, one: Deployment) -> Role:
        """Return as what a version runs that was picked."""
        for other, role in self.all():
            if other is one:
                return role
        return "current"

    def change(self, new: Deployment) -> None:
        """Let another version answer from now on; the one before finishes what it has begun."""
        old, self.current, self.since = self.current, new, time.time()
        new.meter.role("current")
        if old:
            self.leave(old)

    def leave(self, old: Deployment) -> None:
        """End a version that gets no more requests, once it has answered those it has."""
        old.meter.role(None)
        task = asyncio.create_task(old.end(old.settings.drain_seconds))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def drop_canary(self) -> Deployment | None:
        """Give the canary's users back to the current version, and return what it was."""
        old, self.canary = self.canary, None
        if old:
            self.leave(old)
        return old

    async def end(self) -> None:
        """End all of them."""
        ends = [one.end(one.settings.drain_seconds) for one, _ in self.all()]
        await asyncio.gather(*ends, *self._leaving, return_exceptions=True)

    def told(self) -> list[dict[str, Any]]:
        """Return what is told of each, but the shadow."""
        return [
            {
                "id": one.name, "role": role, "digest": one.source.digest,
                "commit": one.source.commit, "state": one.state, "engine": one.facts,
            }
            for one, role in self.all()
            if role != "shadow"
        ]  # fmt: skip


def _place_of(who: str) -> float:
    """Return the place of a user among all, from 0 to 1: the same one every time."""
    digest = hashlib.sha256(who.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % _STEPS / _STEPS
