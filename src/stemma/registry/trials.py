"""What a server found of a version: it was not taken, or was dropped as a canary."""

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from stemma.registry.publishing import publish
from stemma.store import events
from stemma.store.errors import ProjectError
from stemma.store.events import Event
from stemma.store.registry import Registered, Registry, user

Found = Literal["not taken", "dropped"]
_SERVER = {"GIT_COMMITTER_NAME": "stemma serve", "GIT_COMMITTER_EMAIL": "serve@localhost"}


@dataclasses.dataclass(frozen=True)
class Trial:
    """What a server found.

    Attributes:
        stage: for which it was tried.
        found: what became of it.
        why: the reason, in one line.
        time: seconds since 1970.
    """

    stage: str
    found: str
    why: str
    time: int


def record(
    one: Registered, stage: str, found: Found, why: str, facts: Mapping[str, Any], root: Path
) -> str:
    """Write down what a server found of a version; return the name of the tag.

    Args:
        one: the version.
        stage: for which it was tried.
        found: what became of it.
        why: the reason, in one line.
        facts: for machines.
        root: the project.

    Raises:
        ProjectError: the tag cannot be written.
    """
    evidence = {
        "artifact": one.artifact, "version": one.version, "commit": one.commit, "stage": stage,
        "digest": one.evidence.get("digest"), "found": found, "why": why, "facts": dict(facts),
    }  # fmt: skip
    text = events.message(
        f"{one.artifact} {one.version} was {found} by a server of {stage}", [why], evidence
    )
    tag = events.name_of("trial", one.artifact, one.version, stage, who=str(time.time_ns()))
    with _as_somebody(root):
        publish(tag, one.commit, text, Registry(root).next_time(one.artifact), None, root)
    return tag


def read(told: Event) -> Trial:
    """Return what the tag of a trial says."""
    evidence = told.evidence
    return Trial(
        str(told.stage), str(evidence.get("found")), str(evidence.get("why")), told.tag.time
    )


@contextmanager
def _as_somebody(root: Path) -> Iterator[None]:
    """Let Git write a tag also on a machine where it knows no user, as servers are."""
    try:
        user(root)
        added: dict[str, str] = {}
    except ProjectError:
        added = {key: value for key, value in _SERVER.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            del os.environ[key]
