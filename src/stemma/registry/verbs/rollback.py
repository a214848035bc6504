"""Puts back on a stage what stood there before."""

from pathlib import Path

from stemma.registry import policy, trust
from stemma.registry.decision import Decision
from stemma.registry.models import artifact_of, find
from stemma.registry.placing import place
from stemma.registry.publishing import remote_for
from stemma.registry.trust import RefusedError
from stemma.store.registry import Assignment, Registry, user


def rollback(
    stage: str,
    *,
    to: str | None = None,
    why: str | None = None,
    artifact: str | None = None,
    push: bool = False,
    dry_run: bool = False,
    root: Path = Path(),
) -> Decision:
    """Assign a stage anew to what stood there before: one tag, and none is deleted.

    Gates are not asked: they let it pass when it came. A version that came past them, or is
    recalled, is not gone back to.

    Args:
        stage: such as ``prod``.
        to: a version that stood there; None for the last one before today's.
        why: the reason.
        artifact: the model; None for that of the project.
        push: whether to push the tag.
        dry_run: whether to write nothing.
        root: the project.

    Raises:
        RefusedError: nothing stood there before, or what did may not be used.
        ProjectError: there is no such version.
    """
    remote = remote_for(push and not dry_run, root)
    registry = Registry(root)
    name = find(registry, to).artifact if to else artifact_of(registry, artifact)
    history = registry.history(name, stage)
    if not history:
        raise RefusedError(f"nothing ever stood on {stage} of {name}", "see `stemma versions`")
    target = _target(registry, history, find(registry, to).version if to else None)
    found = _decided(target, history[-1], why, user(root))
    return found if dry_run else place(found, registry, remote)


def _decided(target: Assignment, today: Assignment, why: str | None, by: str) -> Decision:
    name = target.artifact
    return Decision(
        artifact=name,
        version=target.version or "",
        stage=target.stage,
        commit=target.commit,
        digest=str(target.evidence.get("digest", "")),
        incumbent=f"{name}@{today.version}" if today.version else today.commit[:10],
        kind="rollback",
        gates=(),
        passed=True,
        why=why,
        forced=False,
        by=by,
        policy=None,
        metrics=target.evidence.get("metrics"),
    )


def _target(registry: Registry, history: list[Assignment], version: str | None) -> Assignment:
    today = history[-1]
    earlier = [
        one
        for one in reversed(history[:-1])
        if (one.version == version if version else one.commit != today.commit)
    ]
    asks = policy.read(registry.root).require != "none"
    refusals: list[RefusedError] = []
    for one in earlier:
        try:
            trust.check_not_recalled(registry, one.artifact, one.version or "")
            if asks:
                trust.check_assignment(one, registry)
        except RefusedError as error:
            refusals.append(error)
        else:
            return one
    if version is not None and refusals:
        raise refusals[0]
    if version is not None:
        raise RefusedError(
            f"{version} did not stand on {today.stage} before",
            f"`stemma promote {version} {today.stage}` puts it there",
        )
    raise RefusedError(
        f"nothing that may be used stood on {today.stage} before {today.version}",
        f"`stemma promote VERSION {today.stage}` puts another one there",
    )
