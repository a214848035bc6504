"""The decision about a version and a stage: what was asked, what was found, who took it."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from stemma.registry import policy
from stemma.registry.case import Case, Outcome
from stemma.registry.criteria import judged
from stemma.registry.models import model_of
from stemma.registry.policy import RegistrySettings, StageSettings
from stemma.store.errors import ProjectError
from stemma.store.registry import Assignment, Registered, Registry
from stemma.store.version import Commit

Tell = Callable[[Outcome], object]
"""Is told what each gate says, as soon as it says it."""


def case_of(
    registry: Registry,
    registered: Registered,
    stage: str,
    settings: RegistrySettings,
    before: str | None = None,
) -> Case:
    """Return the case of a version that is to go to a stage.

    Args:
        registry: what is registered.
        registered: the version.
        stage: where it is to go; empty for none.
        settings: of the registry.
        before: a tag; what stood on the stage before it was written is the incumbent.
    """
    root = registry.root
    version = Commit(registered.name, registered.commit, root)
    history = registry.history(registered.artifact, stage) if stage else []
    names = [one.tag for one in history]
    if before in names:
        history = history[: names.index(before)]
    last = history[-1] if history and history[-1].commit != registered.commit else None
    incumbent = incumbent_of(last, root) if last else None
    return Case(
        version, model_of(version, registered.artifact, root), registered, stage, incumbent,
        settings, registry, root,
    )  # fmt: skip


def incumbent_of(assigned: Assignment, root: Path) -> Commit:
    """Return the version that was put on a stage, by its name where it has one."""
    named = f"{assigned.artifact}@{assigned.version}" if assigned.version else assigned.commit[:10]
    return Commit(named, assigned.commit, root)


def gates_of(stage: StageSettings) -> dict[str, Mapping[str, Any] | None]:
    """Return all that is asked of a version: what every stage asks, and what its settings add."""
    asked: dict[str, Mapping[str, Any] | None] = {"not_recalled": {}}
    if stage.promotes_from is not None:
        asked["promoted_from"] = {"stage": stage.promotes_from}
    asked |= stage.gates
    if stage.approvals:
        asked["approved"] = {"count": stage.approvals}
    return asked


def judge(case: Case, tell: Tell = bool, later: Collection[str] = ()) -> tuple[Outcome, ...]:
    """Ask every gate of the case's stage, cheap ones first; without a stage, of all stages.

    Args:
        case: the version and the stage.
        tell: is told what each gate says, as soon as it says it.
        later: gates that are not asked now.

    Raises:
        SettingsError: there is no such stage, or a setting of a gate is wrong.
    """
    stages = [case.settings.stage(case.stage)] if case.stage else case.settings.stages.values()
    asked: dict[str, Mapping[str, Any] | None] = {}
    for stage in stages:
        asked |= gates_of(stage)
    left_out = later if case.stage else {*later, *_OF_A_STAGE}
    asked = {name: values for name, values in asked.items() if name not in left_out}

    def told() -> Iterator[Outcome]:
        for outcome in judged(case, asked):
            tell(outcome)
            yield outcome

    return tuple(told())


_OF_A_STAGE = ("promoted_from", "approved", "not_worse")


@dataclasses.dataclass(frozen=True)
class Decision:
    """What is decided about a version and a stage.

    Attributes:
        artifact: the model's name.
        version: such as ``v1.2.0``.
        stage: where it goes.
        commit: of the version.
        digest: of the files of the model.
        incumbent: the name of what stood there; None if nothing did.
        kind: whether it goes there for the first time, or back.
        gates: what each gate said; none for a roll-back.
        passed: whether all of them let it pass.
        why: the reason that was given; None if none was.
        forced: whether it goes there although a gate refuses.
        by: who took the decision.
        policy: the digest of what the stage asks; None if it does not ask.
        metrics: the SHA-256 of the file of metrics that was judged; None if there is none.
        tag: the name of the tag; None if none was written.
    """

    artifact: str
    version: str
    stage: str
    commit: str
    digest: str
    incumbent: str | None
    kind: str
    gates: tuple[Outcome, ...]
    passed: bool
    why: str | None
    forced: bool
    by: str
    policy: str | None
    metrics: str | None
    tag: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may go there."""
        return self.passed or self.forced

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values, as the tag and ``--json`` have it."""
        found = dataclasses.asdict(self) | {"allowed": self.allowed}
        found["gates"] = [dataclasses.asdict(one) for one in self.gates]
        return found


def settings_at(root: Path) -> RegistrySettings:
    """Return the settings of the registry of a project.

    Raises:
        ProjectError: it has none, so that nothing says what may go where.
    """
    found = policy.read(root)
    if not found.stages:
        raise ProjectError(
            "conf/registry.yaml names no stage", "docs/registry.md has one to start from"
        )
    return found
