"""What a reader takes: a version whose evidence belongs to it, and that is not recalled."""

from collections.abc import Mapping
from typing import Any

from stemma.registry.policy import Require
from stemma.store.errors import ProjectError
from stemma.store.registry import Assignment, Registered, Registry

_BELONG = ("artifact", "stage", "version", "commit")


class RefusedError(ProjectError):
    """A version may not be used, or may not go where it was to go."""


def current(registry: Registry, artifact: str, stage: str, require: Require) -> Assignment:
    """Return what stands on a stage, if a reader may take it.

    Raises:
        RefusedError: nothing stands there; tags contradict one another; the evidence is not there,
            or is of something else; or the version is recalled.
    """
    found = registry.current(artifact, stage)
    if found is None:
        known = ", ".join(registry.stages(artifact)) or "none"
        raise RefusedError(f"nothing stands on {stage} of {artifact}", f"its stages are {known}")
    if contrary := registry.contradictions(artifact, stage):
        raise RefusedError(
            f"it cannot be told what stands on {stage} of {artifact}: {'; '.join(contrary)}",
            f"`stemma promote VERSION {stage}` or `stemma rollback {stage}` decides it anew",
        )
    assert found.version
    check_not_recalled(registry, artifact, found.version)
    if require != "none":
        check_assignment(found, registry)
    return found


def check_not_recalled(registry: Registry, artifact: str, version: str) -> None:
    """Refuse a version that is recalled.

    Raises:
        RefusedError: it is.
    """
    if recall := registry.recall(artifact, version):
        why = registry.why_recalled(artifact, version)
        raise RefusedError(
            f"{artifact}@{version} was recalled by {recall.tag.by}: {why}",
            "`stemma versions` shows what else there is",
        )


def check_registration(one: Registered) -> None:
    """Refuse a version whose tag does not say which bytes it stands for.

    Raises:
        RefusedError: the evidence is missing, or is of another commit or version.
    """
    told = one.evidence
    if not told:
        raise RefusedError(
            f"{one.name} has no evidence: its tag is not one of `stemma register`",
            "set `require: none` to take it as it is",
        )
    _check_belongs(
        told, {"artifact": one.artifact, "version": one.version, "commit": one.commit}, one.name
    )
    if not told.get("digest"):
        raise RefusedError(f"the evidence of {one.name} names no digest", "register it anew")


def check_assignment(found: Assignment, registry: Registry) -> None:
    """Refuse an assignment whose evidence is missing, or is of something else.

    Raises:
        RefusedError: it went past the gates, or its evidence was copied or edited.
    """
    told = found.evidence
    if not told:
        raise RefusedError(
            f"{found.tag} has no evidence: it went past `stemma promote`",
            f"`stemma promote {found.version} {found.stage}` asks the gates",
        )
    fields = {key: getattr(found, key) for key in _BELONG}
    _check_belongs(told, fields, found.tag)
    registered = registry.at(found.artifact, found.commit)
    assert registered
    # GTO registers without evidence; the decision says which bytes it is about.
    if registered.evidence:
        check_registration(registered)
    if told.get("digest") != registered.evidence.get("digest", told.get("digest")):
        raise RefusedError(
            f"the evidence of {found.tag} is of other bytes than {registered.name} has",
            f"`stemma promote {found.version} {found.stage}` judges those",
        )
    refused = [one.get("gate") for one in told.get("gates", ()) if not one.get("passed")]
    if refused and not (told.get("forced") and told.get("why")):
        raise RefusedError(
            f"{found.tag} says itself that {', '.join(map(str, refused))} refused it",
            f"`stemma promote {found.version} {found.stage}` judges it anew",
        )


def _check_belongs(told: Mapping[str, Any], fields: Mapping[str, Any], tag: str) -> None:
    for key, value in fields.items():
        if told.get(key) != value:
            raise RefusedError(
                f"the evidence of {tag} is of another {key}: {told.get(key)}, not {value}",
                "it was copied or edited: see `git cat-file -p " + f"{tag}`",
            )
