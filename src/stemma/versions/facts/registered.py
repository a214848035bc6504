"""What tags say of one commit: its names in the registry, and where it stands."""

from pathlib import Path
from typing import Any

from stemma.store.registry import Registry


def registered(commit: str, root: Path) -> list[dict[str, Any]]:
    """Return what the registry says of a commit, for each model that has a version there.

    Returns:
        ``name`` such as lm@v1.2.0; ``stages`` on which it stands now; why it was ``recalled``, None
        if it was not; ``signed_by`` has the ids of the keys of its signatures, which nobody has
        checked here.
    """
    registry = Registry(root)
    found = [registry.at(artifact, commit) for artifact in registry.artifacts]
    return [
        {
            "name": one.name,
            "stages": [
                stage
                for stage in registry.stages(one.artifact)
                if (now := registry.current(one.artifact, stage)) and now.commit == commit
            ],
            "recalled": registry.why_recalled(one.artifact, one.version),
            "signed_by": [event.who for event in registry.signatures(one.artifact, one.version)],
        }
        for one in found
        if one is not None
    ]
