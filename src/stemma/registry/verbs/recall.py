"""Recalls a version: nobody is to use it, or what descends from it, ever again."""

import dataclasses
from pathlib import Path
from typing import Any

from stemma.registry.models import find
from stemma.registry.publishing import how_to_push, publish, remote_for
from stemma.registry.trust import RefusedError
from stemma.store import events
from stemma.store.errors import ProjectError
from stemma.store.registry import Registry, user


@dataclasses.dataclass(frozen=True)
class Recall:
    """A version that was recalled.

    Attributes:
        name: of the version.
        commit: of the version.
        why: the reason.
        by: who recalled it.
        stands_on: the stages where it stands now.
        stood_on: the stages where it stood before.
        tag: the name of the tag.
        to_push: the command that pushes it; None if there is no remote, or it is done.
    """

    name: str
    commit: str
    why: str
    by: str
    stands_on: tuple[str, ...]
    stood_on: tuple[str, ...]
    tag: str
    to_push: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def recall(version: str, why: str, *, push: bool = False, root: Path = Path()) -> Recall:
    """Recall a version, for a reason.

    Args:
        version: such as ``v1.2.0`` or ``lm@v1.2.0``.
        why: the reason.
        push: whether to push the tag.
        root: the project.

    Raises:
        RefusedError: it is recalled already.
        ProjectError: there is no such version, or no reason.
    """
    if not why.strip():
        raise ProjectError("a recall asks for a reason, which is recorded", "--why '…'")
    remote = remote_for(push, root)
    registry = Registry(root)
    found = find(registry, version)
    if before := registry.recall(found.artifact, found.version):
        raise RefusedError(f"{found.name} is recalled already, by {before.tag.by}", before.tag.name)
    stages = registry.stages(found.artifact)
    stands = tuple(
        stage
        for stage in stages
        if (now := registry.current(found.artifact, stage)) and now.version == found.version
    )
    stood = tuple(
        stage
        for stage in stages
        if stage not in stands
        and any(one.version == found.version for one in registry.history(found.artifact, stage))
    )
    by = user(root)
    evidence = {
        "artifact": found.artifact, "version": found.version, "commit": found.commit,
        "digest": found.evidence.get("digest"), "why": why, "by": by,
    }  # fmt: skip
    text = events.message(f"Recall {found.artifact} {found.version}", [f"Why: {why}"], evidence)
    tag = events.name_of("recall", found.artifact, found.version)
    publish(tag, found.commit, text, registry.next_time(found.artifact), remote, root)
    to_push = None if remote else how_to_push([tag], root)
    return Recall(found.name, found.commit, why, by, stands, stood, tag, to_push)
