"""Writes a decision down: the tag that puts a version on a stage."""

import dataclasses

from stemma.registry.decision import Decision
from stemma.registry.publishing import publish
from stemma.store import events
from stemma.store.registry import Registry


def place(found: Decision, registry: Registry, remote: str | None) -> Decision:
    """Write the tag of a decision, and push it where a remote is named.

    Raises:
        ProjectError: somebody else has written such a tag meanwhile, here or there.
    """
    counter = registry.next_counter(found.artifact)
    tag = events.name_of("assign", found.artifact, stage=found.stage, counter=counter)
    found = dataclasses.replace(found, tag=tag)
    publish(
        tag,
        found.commit,
        _message(found),
        registry.next_time(found.artifact),
        remote,
        registry.root,
    )
    return found


def _message(found: Decision) -> str:
    verb = "Roll back to" if found.kind == "rollback" else "Promote"
    lines = [f"In place of {found.incumbent}." if found.incumbent else "Nothing stood there."]
    lines += [f"Forced: {found.why}"] if found.forced else [f"Why: {found.why}"] * bool(found.why)
    lines += [
        f"{'passed' if one.passed else 'REFUSED'} {one.gate}: {one.evidence}" for one in found.gates
    ]
    summary = f"{verb} {found.artifact} {found.version} on {found.stage}"
    return events.message(summary, lines, found.as_dict())
