"""What stood on a stage when, and on whose word."""

import dataclasses
import datetime
from pathlib import Path
from typing import Any

from stemma.registry.models import artifact_of
from stemma.store.errors import ProjectError
from stemma.store.registry import Assignment, Registry


@dataclasses.dataclass(frozen=True)
class StageHistory:
    """What was put on a stage.

    Attributes:
        artifact: the model's name.
        stage: the stage.
        at: the moment that was asked for, in seconds since 1970; None for all of its history.
        assignments: the newest first; of a moment, the one that stood there then, if any did.
        recalled: by version, when it was recalled, in seconds since 1970.
    """

    artifact: str
    stage: str
    at: int | None
    assignments: tuple[Assignment, ...]
    recalled: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def history(
    stage: str, *, at: str | None = None, artifact: str | None = None, root: Path = Path()
) -> StageHistory:
    """Return what stood on a stage.

    Args:
        stage: such as ``prod``.
        at: a date or a time as ISO 8601 writes it; of a date the end of that day, local time.
        artifact: the model; None for that of the project.
        root: the project.

    Raises:
        ProjectError: nothing ever stood there, or ``at`` is no date.
    """
    registry = Registry(root)
    name = artifact_of(registry, artifact)
    found = registry.history(name, stage)
    if not found:
        known = ", ".join(registry.stages(name)) or "none"
        raise ProjectError(f"nothing ever stood on {stage} of {name}", f"its stages are {known}")
    moment = None if at is None else _moment(at)
    if moment is not None:
        found = [one for one in found if one.time <= moment][-1:]
    versions = {one.version for one in found if one.version}
    recalls = {one: registry.recall(name, one) for one in versions}
    return StageHistory(
        name, stage, moment, tuple(reversed(found)),
        {one: event.tag.time for one, event in recalls.items() if event},
    )  # fmt: skip


def _moment(at: str) -> int:
    try:
        found = datetime.datetime.fromisoformat(at)
    except ValueError as error:
        raise ProjectError(
            f"'{at}' is no date", "it is like 2026-03-03, or 2026-03-03T12:00"
        ) from error
    if len(at) <= len("2026-03-03"):
        found = found.replace(hour=23, minute=59, second=59)
    return int(found.timestamp())
