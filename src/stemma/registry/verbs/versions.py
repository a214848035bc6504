"""What is where: the versions of a model, and the stages on which they stand."""

import dataclasses
from pathlib import Path
from typing import Any

from stemma.registry import trials
from stemma.registry.models import artifact_of
from stemma.registry.trials import Trial
from stemma.store.registry import Registered, Registry


@dataclasses.dataclass(frozen=True)
class VersionStanding:
    """A version, and where it stands.

    Attributes:
        name: with that of its model.
        version: such as ``v1.2.0``.
        commit: the hash of its commit.
        time: when it was registered, in seconds since 1970.
        by: who registered it.
        digest: SHA-256 of its files; None if its tag does not say.
        stages: the stages where it stands now.
        recalled: why it was recalled; None if it was not.
        signed_by: the ids of the keys that signed it.
        trials: what servers found of it, oldest first.
    """

    name: str
    version: str
    commit: str
    time: int
    by: str
    digest: str | None
    stages: tuple[str, ...]
    recalled: str | None
    signed_by: tuple[str, ...]
    trials: tuple[Trial, ...]


@dataclasses.dataclass(frozen=True)
class Versions:
    """The versions of a model.

    Attributes:
        artifact: the model's name.
        versions: the newest number first.
        contradictions: why it cannot be told what stands on a stage, by stage.
    """

    artifact: str
    versions: tuple[VersionStanding, ...]
    contradictions: dict[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def versions(artifact: str | None = None, root: Path = Path()) -> Versions:
    """Return the versions of a model and where they stand.

    Args:
        artifact: the model; None for that of the project.
        root: the project.

    Raises:
        ProjectError: there is no such model, or no version is registered.
    """
    registry = Registry(root)
    name = artifact_of(registry, artifact)
    stages = registry.stages(name)
    on: dict[str, list[str]] = {}
    for stage in stages:
        now = registry.current(name, stage)
        if now and now.version:
            on.setdefault(now.version, []).append(stage)
    contrary = {stage: tuple(registry.contradictions(name, stage)) for stage in stages}
    return Versions(
        name,
        tuple(
            _standing(one, registry, tuple(on.get(one.version, ())))
            for one in reversed(registry.versions(name))
        ),
        {stage: told for stage, told in contrary.items() if told},
    )


def _standing(one: Registered, registry: Registry, stages: tuple[str, ...]) -> VersionStanding:
    return VersionStanding(
        one.name, one.version, one.commit, one.time, one.by, one.evidence.get("digest"), stages,
        registry.why_recalled(one.artifact, one.version),
        tuple(signature.who for signature in registry.signatures(one.artifact, one.version)),
        tuple(map(trials.read, registry.trials(one.artifact, one.version))),
    )  # fmt: skip
