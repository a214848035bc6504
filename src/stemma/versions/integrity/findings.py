"""What a check of all stored objects found."""

import dataclasses
from typing import Any

# What an object can be in a store.
SOUND = "sound"
DAMAGED = "damaged"  # other bytes than its name says, or unreadable
MISSING = "missing"  # lost: a listing that is here names it, or it is nowhere
ABSENT = "absent"  # nothing says that it was ever here: not pulled, or not pushed

REPAIRED = "repaired"


@dataclasses.dataclass(frozen=True)
class NeededAs:
    """As what an object is needed: an output of some versions, or a file of one.

    Attributes:
        file: its path within a folder; empty if the object is the output itself.
        versions: the refs that have the output; where only history has it, the newest commit.
    """

    output: str
    file: str
    versions: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Problem:
    """An object that is not as it should be in one of the stores.

    Attributes:
        store: ``cache`` or the remote's name.
        key: the object's name.
        state: damaged, missing or absent.
        reason: what is wrong, where the state does not say it.
        uses: the outputs and versions that need it.
        repair: ``repaired``, why not, or empty if that was not asked for.
    """

    store: str
    key: str
    state: str
    reason: str
    uses: tuple[NeededAs, ...] = ()
    repair: str = ""


@dataclasses.dataclass(frozen=True)
class IntegrityReport:
    """What was looked at and what not, and what is wrong with it.

    Attributes:
        objects: how many objects versions are known to refer to.
        checked: by store, how many of them are there; each was read and hashed.
        bytes: by store, how much was read.
        absent: objects that are not in the cache and need not be.
        unread: objects that no store has which was looked at: nothing is known of them.
        problems: what is not as it should be, sorted by name.
        undeclared: objects that no store has which was looked at, and whose stage dvc.yaml has no
            more. DVC leaves them in dvc.lock; whether they were ever stored is not known.
        unlisted: folders whose listing could be read nowhere: their files are not known, and not
            counted among ``objects``.
        unasked: remotes of the project that were not looked at.
    """

    objects: int
    checked: dict[str, int]
    bytes: dict[str, int]
    absent: int
    unread: int
    problems: tuple[Problem, ...]
    undeclared: int
    unlisted: int
    unasked: tuple[str, ...]

    @property
    def left(self) -> tuple[Problem, ...]:
        """The problems that were not repaired."""
        return tuple(problem for problem in self.problems if problem.repair != REPAIRED)

    @property
    def sound(self) -> bool | None:
        """Whether every object was read somewhere and nothing is left to mend.

        None if nothing that was read is wrong, and not every object was.
        """
        if self.left:
            return False
        return True if any(self.checked.values()) and not self.unread else None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self) | {"sound": self.sound}
