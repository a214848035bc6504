"""Which of two versions people prefer, by the votes between the two."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from stemma.statistics.proportion import wilson
from stemma.statistics.sign import sign_test
from stemma.store.digest import digest_of, files_of
from stemma.store.registry import Registry
from stemma.store.version import Version
from stemma.store.votes import Side, Vote


@dataclasses.dataclass(frozen=True)
class Named:
    """By what a vote names a version: either is enough.

    Attributes:
        commit: the hash of its commit; None if it is none.
        digests: SHA-256 of its files, of each of its models.
    """

    commit: str | None
    digests: frozenset[str]

    def has(self, side: Side) -> bool:
        """Say whether a side of a vote is this version."""
        return (side.commit is not None and side.commit == self.commit) or (
            side.digest in self.digests
        )


@dataclasses.dataclass(frozen=True)
class Preference:
    """How votes between two versions fell.

    Attributes:
        a: votes for the first version.
        b: votes for the second.
        equal: votes that found both equally good.
        blind: of all these, those that did not know which was which.
        share: of the votes for either, those for the second; None if there are none.
        low: lower end of its interval (Wilson), whose confidence is 1 - LEVEL.
        high: upper end of it.
        p: of the two-sided sign test, None if there are no votes for either.
    """

    a: int
    b: int
    equal: int
    blind: int
    share: float | None
    low: float | None
    high: float | None
    p: float | None

    @property
    def votes(self) -> int:
        """All of them."""
        return self.a + self.b + self.equal


def named(version: Version, root: Path) -> Named:
    """Return by what votes name a version.

    Raises:
        MissingError: the bytes of a folder are nowhere.
    """
    if version.commit is None:
        # Of the working tree nobody has served what it holds by now.
        output = version.declared.trained
        files = {} if version.has_reports else files_of(version, output)
        return Named(None, frozenset({digest_of(files)} if files else ()))
    registry = Registry(root)
    at = (registry.at(artifact, version.commit) for artifact in registry.artifacts)
    digests = (one.evidence.get("digest") for one in at if one is not None)
    return Named(version.commit, frozenset(one for one in digests if isinstance(one, str)))


def preference(votes: Iterable[Vote], a: Named, b: Named) -> Preference:
    """Return which of two versions people prefer.

    Args:
        votes: those between other versions are left out.
        a: the first version.
        b: the second; whichever stood on the left.
    """
    found = {"a": 0, "b": 0, "equal": 0}
    blind = 0
    for vote in votes:
        if a.has(vote.a) and b.has(vote.b):
            choice: str = vote.choice
        elif a.has(vote.b) and b.has(vote.a):
            choice = {"a": "b", "b": "a", "equal": "equal"}[vote.choice]
        else:
            continue
        found[choice] += 1
        blind += vote.blind
    decided = found["a"] + found["b"]
    if not decided:
        return Preference(**found, blind=blind, share=None, low=None, high=None, p=None)
    low, high = wilson(found["b"], decided)
    p = sign_test(found["b"], decided)
    return Preference(**found, blind=blind, share=found["b"] / decided, low=low, high=high, p=p)
