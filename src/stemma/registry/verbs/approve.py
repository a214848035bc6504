"""Approves a version for a stage that asks for people."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from stemma.registry import decision, trust
from stemma.registry.case import Outcome
from stemma.registry.decision import Tell
from stemma.registry.models import find
from stemma.registry.publishing import how_to_push, publish, remote_for
from stemma.registry.trust import RefusedError
from stemma.store import events
from stemma.store.registry import Registry, user


@dataclasses.dataclass(frozen=True)
class Approval:
    """Somebody's approval of a version for a stage.

    Attributes:
        name: of the version.
        stage: for which it is approved.
        commit: of the version.
        digest: of its files.
        who: who approves.
        gates: what the gates said at that time, which is what was approved.
        tag: the name of the tag.
        to_push: the command that pushes it; None if there is no remote, or it is done.
    """

    name: str
    stage: str
    commit: str
    digest: str
    who: str
    gates: tuple[Outcome, ...]
    tag: str
    to_push: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def approve(
    version: str,
    stage: str,
    *,
    who: str | None = None,
    why: str | None = None,
    push: bool = False,
    tell: Tell = bool,
    root: Path = Path(),
) -> Approval:
    """Approve a version for a stage, on the evidence of its gates as it is now.

    Args:
        version: such as ``v1.2.0`` or ``lm@v1.2.0``.
        stage: such as ``prod``.
        who: in whose name; None for that of Git.
        why: a remark.
        push: whether to push the tag.
        tell: is told what each gate says.
        root: the project.

    Raises:
        RefusedError: the version is recalled, or is approved by this person already.
        ProjectError: there is no such version or stage.
    """
    remote = remote_for(push, root)
    registry, settings = Registry(root), decision.settings_at(root)
    settings.stage(stage)
    registered = find(registry, version)
    trust.check_not_recalled(registry, registered.artifact, registered.version)
    name = who or user(root)
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "somebody"
    tag = events.name_of("approval", registered.artifact, registered.version, stage, who=slug)
    if any(one.tag.name == tag for one in registry.events):
        raise RefusedError(f"{name} has approved {registered.name} for {stage} already", tag)
    case = decision.case_of(registry, registered, stage, settings)
    gates = decision.judge(case, tell)
    evidence = {
        "artifact": registered.artifact, "version": registered.version, "stage": stage,
        "commit": registered.commit, "digest": case.digest, "who": name, "by": user(root),
        "why": why, "gates": [dataclasses.asdict(one) for one in gates],
    }  # fmt: skip
    lines = [f"By {name}.", *([why] if why else [])]
    text = events.message(f"Approve {registered.name} for {stage}", lines, evidence)
    publish(tag, registered.commit, text, registry.next_time(registered.artifact), remote, root)
    to_push = None if remote else how_to_push([tag], root)
    return Approval(
        registered.name, stage, registered.commit, case.digest, name, gates, tag, to_push
    )
