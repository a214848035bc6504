"""What an update is about to do, written down before it begins, so that a killed one goes on."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

from stemma.files import read_json, write_json
from stemma.store import git
from stemma.updating.lessons import Lesson
from stemma.updating.selection import Selection

_FILE = "plan.json"
BRANCH = "update"


@dataclasses.dataclass(frozen=True)
class Plan:
    """An update.

    Attributes:
        name: of the update, its branch and its folder of data.
        artifact: the model.
        stage: for which the candidate is meant.
        incumbent: the name of the version that stands there.
        base: its commit.
        rules: the name of the rules.
        selection: what is learnt.
        measured: the commit with the incumbent's measures on the new test split; None before.
    """

    name: str
    artifact: str
    stage: str
    incumbent: str
    base: str
    rules: str
    selection: Selection
    measured: str | None = None

    @property
    def branch(self) -> str:
        """Of the candidate."""
        return f"{BRANCH}/{self.name}"

    def write(self, folder: Path) -> Plan:
        """Write it down, atomically, and return it."""
        write_json(folder / _FILE, dataclasses.asdict(self))
        return self


def read(folder: Path) -> Plan | None:
    """Return the plan of an update that did not come to its end; None if there is none."""
    if not (folder / _FILE).exists():
        return None
    told = read_json(folder / _FILE)
    lessons = tuple(Lesson(**one) for one in told["selection"]["lessons"])
    return Plan(**told | {"selection": Selection(**told["selection"] | {"lessons": lessons})})


def new_name(root: Path) -> str:
    """Return the name of an update that begins now: the day, and a number that is free."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    there = git.run(["for-each-ref", "--format=%(refname)", f"refs/heads/{BRANCH}/{day}-*"], root)
    numbers = [int(one.rpartition("-")[2]) for one in there.split()]
    return f"{day}-{max(numbers, default=0) + 1}"
