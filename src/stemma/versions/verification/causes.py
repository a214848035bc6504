"""What a likely cause is: why a stage did not come out as dvc.lock says, and what shows it."""

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import Literal

from stemma.versions.verification.nested import unequal

CauseName = Literal[
    "code", "settings", "threads or precision", "processor", "data", "environment", "dvc.lock",
    "line endings", "not committed", "stale", "stopped", "unknown",
]  # fmt: skip
STALE: CauseName = "stale"
STOPPED: CauseName = "stopped"
SHOWN = 5  # differences of one kind


@dataclasses.dataclass(frozen=True)
class LikelyCause:
    """One reason why a stage diverges, and what shows it.

    Attributes:
        claim: whether dvc.lock claims what is not so; no tolerance covers that.
    """

    cause: CauseName
    evidence: str
    claim: bool = True


def changes(one: object, other: object, here: str, there: str) -> Iterator[str]:
    """Yield a phrase for each key whose value differs between two nested mappings.

    Args:
        one: the first.
        other: the second.
        here: what the first belongs to.
        there: what the second belongs to.
    """
    for key, was, now in unequal(one, other):
        yield f"{key} is {_short(was)} in {here} and {_short(now)} in {there}"


def _short(value: object) -> str:
    return textwrap.shorten(str(value), 40, placeholder="…")
