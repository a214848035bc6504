"""Neither the version nor its bases learnt from a document that is revoked today."""

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.versions.facts.lineage import tainted
from stemma.versions.history.records import records

NAME = "not_revoked"


@settings
class Settings:
    """Of the gate."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Read what `stemma forget` revoked, and follow the descent of the version."""
    own = records(["-1", case.version.commit or ""], case.root)
    if not own:
        return Outcome(NAME, False, f"{case.version.name} is no version: it has no dvc.lock")
    found = tainted(own[0].commit, case.root)
    if found is None:
        return Outcome(NAME, True, "no revoked document went into it or its bases", {})
    held = [f"{one['id']} in {one['split']} ({one['why']})" for one in found["records"]]
    held += [
        f"its base descends from {commit[:7]}, which holds some" for commit in found["through"]
    ]
    if found["unknown"]:
        held.append(f"not known: {found['unknown']}")
    return Outcome(NAME, False, "; ".join(held), found)
