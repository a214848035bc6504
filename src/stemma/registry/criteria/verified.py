"""Somebody has rebuilt the version, and found it exact or equivalent."""

from typing import Literal

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.versions.history.records import records
from stemma.versions.verification.notes import read

NAME = "verified"


@settings
class Settings:
    """Of the gate."""

    verdicts: list[Literal["exact", "equivalent"]]
    """The verdicts of `stemma verify` that will do."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Read the verdicts on its commit, and on that which brought its dvc.lock; the last counts."""
    assert case.version.commit
    commits = [one.commit for one in records(["-1", case.version.commit], case.root)]
    notes = sorted(
        note
        for commit in dict.fromkeys([case.version.commit, *commits])
        for note in read(commit, case.root)
    )
    if not notes:
        return Outcome(
            NAME, False, f"nobody has verified it: `stemma verify {case.version.commit[:10]}`"
        )
    last = notes[-1]
    said = f"{last.verdict} on {last.machine}, by {last.by} at {last.time}"
    passed = last.verdict in settings.verdicts
    if not passed:
        said += f"; {' or '.join(settings.verdicts)} is asked"
    return Outcome(NAME, passed, said, {"verdict": last.verdict, "by": last.by, "time": last.time})
