"""What a server found of a version: it was not taken, or was dropped as a canary."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from stemma.registry.publishing import publish
from stemma.store import events
from stemma.store.events import Event
from stemma.store.registry import Registered, Registry
from stemma.store.somebody import somebody

Found = Literal["not taken", "dropped"]


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
    with somebody("stemma serve", root):
        publish(tag, one.commit, text, Registry(root).next_time(one.artifact), None, root)
    return tag


def read(told: Event) -> Trial:
    """Return what the tag of a trial says."""
    evidence = told.evidence
    return Trial(
        str(told.stage), str(evidence.get("found")), str(evidence.get("why")), told.tag.time
    )
