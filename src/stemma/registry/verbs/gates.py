"""What the gates say of a version, without a decision."""

import dataclasses
from pathlib import Path
from typing import Any

from stemma.registry import decision, trust
from stemma.registry.case import Outcome
from stemma.registry.decision import Tell
from stemma.registry.models import find
from stemma.store.errors import ProjectError
from stemma.store.registry import Registry


@dataclasses.dataclass(frozen=True)
class GatesReport:
    """What the gates say of a version.

    Attributes:
        name: of the version.
        commit: its commit.
        stage: whose gates were asked; empty for those of all stages.
        incumbent: what it was compared with; None if nothing stands there.
        gates: what each said.
    """

    name: str
    commit: str
    stage: str
    incumbent: str | None
    gates: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether all of them let it pass."""
        return all(one.passed for one in self.gates)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self) | {"passed": self.passed}


def gates(
    version: str | None = None,
    stage: str = "",
    *,
    tag: str | None = None,
    tell: Tell = bool,
    root: Path = Path(),
) -> GatesReport:
    """Ask the gates of a stage about a version, and write nothing.

    Args:
        version: such as ``v1.2.0`` or ``lm@v1.2.0``.
        stage: whose gates are asked; empty for those of all stages, less what depends on a stage.
        tag: an assignment such as ``lm#prod#3``: the version and the stage are those that it names,
            the incumbent is what stood there before it, and its own evidence is checked too.
        tell: is told what each gate says, as soon as it says it.
        root: the project.

    Raises:
        RefusedError: the evidence of the tag is missing, or of something else.
        ProjectError: there is no such version, stage or tag.
    """
    registry = Registry(root)
    settings = decision.settings_at(root)
    if tag is not None:
        assigned = next(
            (o for o in registry.events if o.tag.name == tag and o.kind == "assign"), None
        )
        if assigned is None:
            raise ProjectError(f"'{tag}' assigns no version to a stage", "see `stemma history`")
        stage = assigned.stage or ""
        placed = next(one for one in registry.history(assigned.artifact, stage) if one.tag == tag)
        trust.check_assignment(placed, registry)
        version = f"{placed.artifact}@{placed.version}"
    if version is None:
        raise ProjectError("which version?", "name one, or a tag with --tag")
    case = decision.case_of(registry, find(registry, version), stage, settings, tag)
    told = decision.judge(case, tell)
    before = case.incumbent.name if case.incumbent else None
    return GatesReport(case.version.name, case.version.commit or "", stage, before, told)
