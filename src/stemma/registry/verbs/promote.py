"""Puts a version on a stage, if the stage's gates let it pass."""

import hashlib
from pathlib import Path

from stemma.registry import decision, policy
from stemma.registry.case import Case
from stemma.registry.decision import Decision, Tell
from stemma.registry.models import find
from stemma.registry.placing import place
from stemma.registry.publishing import remote_for
from stemma.registry.trust import RefusedError
from stemma.store.errors import ProjectError
from stemma.store.registry import Assignment, Registry, user


def promote(
    version: str,
    stage: str,
    *,
    force: bool = False,
    why: str | None = None,
    push: bool = False,
    dry_run: bool = False,
    tell: Tell = bool,
    root: Path = Path(),
) -> Decision:
    """Ask the gates of a stage about a version and, if all let it pass, put it there.

    Args:
        version: such as ``v1.2.0`` or ``lm@v1.2.0``.
        stage: such as ``prod``.
        force: whether to put it there although a gate refuses; ``why`` is then recorded for ever.
        why: the reason.
        push: whether to push the tag.
        dry_run: whether to write nothing.
        tell: is told what each gate says, as soon as it says it.
        root: the project.

    Returns:
        The decision, written if it is ``allowed`` and this is no dry run.

    Raises:
        RefusedError: the version is recalled, or stands there already.
        ProjectError: there is no such version or stage, or no reason for the force.
    """
    if force and not (why or "").strip():
        raise ProjectError("--force asks for a reason, which is recorded", "--why '…'")
    remote = remote_for(push and not dry_run, root)
    registry, settings = Registry(root), decision.settings_at(root)
    settings.stage(stage)
    registered = find(registry, version)
    case = decision.case_of(registry, registered, stage, settings)
    _check(case, registry.current(registered.artifact, stage))
    found = _decided(case, force, why, tell)
    if not found.allowed or dry_run:
        return found
    return place(found, registry, remote)


def _check(case: Case, current: Assignment | None) -> None:
    """Refuse what no force helps: a recalled version, changed bytes, one that stands there already.

    One that stands there by a tag that is no evidence is judged all the same.
    """
    registered, registry = case.registered, case.registry
    assert registered
    why = registry.why_recalled(registered.artifact, registered.version)
    if why is not None:
        raise RefusedError(
            f"{registered.name} was recalled: {why}",
            "no --force helps: register a version that is made anew",
        )
    settled = not registry.contradictions(registered.artifact, case.stage)
    if current and current.commit == registered.commit and current.evidence and settled:
        raise RefusedError(f"{registered.name} stands on {case.stage} already", f"by {current.tag}")
    if case.digest != registered.evidence.get("digest", case.digest):
        raise RefusedError(
            f"the bytes of {registered.name} are not those that it was registered with",
            "`stemma fsck` shows what is broken",
        )


def _decided(case: Case, force: bool, why: str | None, tell: Tell) -> Decision:
    registered = case.registered
    assert registered
    outcomes = decision.judge(case, tell)
    passed = all(one.passed for one in outcomes)
    raw = case.version.read(case.version.declared.metrics)
    return Decision(
        artifact=registered.artifact,
        version=registered.version,
        stage=case.stage,
        commit=registered.commit,
        digest=case.digest,
        incumbent=case.incumbent.name if case.incumbent else None,
        kind="promote",
        gates=outcomes,
        passed=passed,
        why=why,
        forced=force and not passed,
        by=user(case.root),
        policy=policy.digest_of(case.settings.stage(case.stage)),
        metrics=None if raw is None else hashlib.sha256(raw).hexdigest(),
    )
