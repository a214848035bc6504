"""As many people as are asked for have approved these very bytes for the stage."""

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.registry.policy import Count

NAME = "approved"


@settings
class Settings:
    """Of the gate."""

    count: Count
    """How many people."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Count the approvals that are of this commit and of these bytes."""
    if case.registered is None:
        return Outcome(NAME, False, "it is not registered, so nobody can have approved it")
    valid, other = [], []
    registered = case.registered
    assert registered
    for one in case.registry.approvals(registered.artifact, registered.version, case.stage):
        told = one.evidence
        if one.tag.commit != registered.commit or told.get("commit") != registered.commit:
            other.append(f"that of {one.who} is of another commit")
        elif told.get("digest") != case.digest:
            other.append(f"that of {one.who} is of other bytes")
        else:
            valid.append(one.who)
    people = sorted({*valid})
    passed = len(people) >= settings.count
    said = f"approved by {', '.join(people) or 'nobody'}, {settings.count} asked for"
    if not passed:
        name = f"{registered.version} {case.stage}"
        other.append(f"`stemma approve {name}`")
    return Outcome(
        NAME, passed, "; ".join([said, *other]), {"approved_by": people, "asked": settings.count}
    )
