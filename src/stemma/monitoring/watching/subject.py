"""Which version is watched."""

from __future__ import annotations

from pathlib import Path

from stemma.monitoring import reading
from stemma.store.errors import ProjectError
from stemma.store.registry import Registry


def subject(root: Path, records: Path, stage: str, word: str | None) -> tuple[str, str | None]:
    """Return the name that records have of a version, and its commit; None of a folder.

    Args:
        root: the project.
        records: the file of the records.
        stage: on which it stands, if it is not named.
        word: ``lm@v1.2.0``, ``v1.2.0``, ``1.2.0``, or the name of a folder that is served.

    Raises:
        ProjectError: there is no such version, or it cannot be told which.
    """
    return _named(root, records, word) if word is not None else _standing(Registry(root), stage)


def _standing(registry: Registry, stage: str) -> tuple[str, str]:
    found = [one for name in registry.artifacts if (one := registry.current(name, stage))]
    if not found:
        raise ProjectError(
            f"nothing stands on {stage}",
            "`stemma promote VERSION` puts something there; --version NAME watches one by its name",
        )
    if len(found) > 1:
        names = ", ".join(f"{one.artifact}@{one.version}" for one in found)
        raise ProjectError(f"several models stand on {stage}", f"--version, one of {names}")
    one = found[0]
    if contrary := registry.contradictions(one.artifact, stage):
        raise ProjectError(
            f"it cannot be told what stands on {stage}: {'; '.join(contrary)}",
            f"`stemma promote VERSION {stage}` decides it anew",
        )
    return f"{one.artifact}@{one.version}", one.commit


def _named(root: Path, records: Path, word: str) -> tuple[str, str | None]:
    # A folder is served without any repository.
    registry = Registry(root) if (root / ".git").exists() else None
    known = [one for name in registry.artifacts for one in registry.versions(name)] \
        if registry else []  # fmt: skip
    found = [one for one in known if word in (one.name, one.version, one.version.lstrip("v"))]
    if len(found) > 1:
        raise ProjectError(
            f"several models have a version {word}", f"one of {', '.join(o.name for o in found)}"
        )
    if found:
        return found[0].name, found[0].commit
    served = next(reading.records(records, version=word), None)
    if served is None:
        names = ", ".join(one.name for one in known)
        raise ProjectError(
            f"'{word}' is no version that is registered or was ever served here",
            f"there are {names}" if names else "the name of a folder is its last part",
        )
    return word, served.commit
