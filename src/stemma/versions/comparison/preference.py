"""Which of two versions people prefer, by the votes between the two."""

import dataclasses
from collections.abc import Iterable, Iterator
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


def named(version: Version, root: Path, by_bytes: bool) -> Named:
    """Return by what votes name a version.

    Args:
        version: the version.
        root: the project.
        by_bytes: whether its files are read as well; without, only its tags tell its digest.

    Raises:
        MissingError: its bytes are nowhere.
        ProjectError: it has files that no digest covers.
    """
    digests = set(_of_tags(version.commit, root)) if version.commit else set()
    if by_bytes and not digests:
        parts = version.declared
        output = parts.exported if version.has_reports else parts.trained
        # A version that exports nothing was never served.
        digests |= {digest_of(files_of(version, output))} if version.files(output) else set()
    return Named(version.commit, frozenset(digests))


def _of_tags(commit: str, root: Path) -> Iterator[str]:
    registry = Registry(root)
    for artifact in registry.artifacts:
        one = registry.at(artifact, commit)
        if one and isinstance(digest := one.evidence.get("digest"), str):
            yield digest


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
