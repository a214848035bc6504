"""What a registry says of one commit: its name, where it stands, who signed it."""

import dataclasses
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.registry import policy
from stemma.registry.folders import as_folder
from stemma.registry.signatures import checked
from stemma.store.registry import Registered, Registry
from stemma.store.version import Commit


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a registry says of a version.

    Attributes:
        name: such as ``lm@v1.2.0``.
        stages: where it stands now.
        recalled: why it was recalled; None if it was not.
        signed_by: the ids of the keys whose signatures there are, whether they hold or not.
        signature: the id of the key whose signature holds; None if there is none such.
        unsigned: why no signature holds; None if one does, or there is none.
    """

    name: str
    stages: tuple[str, ...]
    recalled: str | None
    signed_by: tuple[str, ...]
    signature: str | None
    unsigned: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def standing(commit: str, root: Path = Path()) -> list[Standing]:
    """Return what a registry says of a commit, for each model that has a version there.

    Args:
        commit: the full hash.
        root: the project.
    """
    registry = Registry(root)
    found = [registry.at(artifact, commit) for artifact in registry.artifacts]
    return [_standing(one, registry) for one in found if one is not None]


def _standing(one: Registered, registry: Registry) -> Standing:
    stages = [
        stage
        for stage in registry.stages(one.artifact)
        if (now := registry.current(one.artifact, stage)) and now.commit == one.commit
    ]
    recall = registry.recall(one.artifact, one.version)
    keys = tuple(event.who for event in registry.signatures(one.artifact, one.version))
    signature, unsigned = _checked(one, registry) if keys else (None, None)
    why = recall.evidence.get("why", "no reason is given") if recall else None
    return Standing(one.name, tuple(stages), why, keys, signature, unsigned)


def _checked(one: Registered, registry: Registry) -> tuple[str | None, str | None]:
    root = registry.root
    try:
        keys = [root / key for key in policy.read(root).keys]
        output = str(one.evidence.get("output"))
        with as_folder(Commit(one.name, one.commit, root), output, root) as folder:
            return checked(one, registry, folder, keys), None
    except StemmaError as error:
        return None, error.message
