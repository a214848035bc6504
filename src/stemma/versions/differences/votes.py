"""Which of two versions people prefer, by the votes on the page of a server."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from stemma.pages.blocks import Block, Cell, Table, Text
from stemma.statistics.significance import CONFIDENCE, LEVEL
from stemma.store.version import Version
from stemma.store.votes import Kept, path_of, read
from stemma.versions.comparison.preference import Preference, named, preference
from stemma.versions.differences.section import Alike, Section

NAME = "votes"
_LEAST = 0.001  # of a p-value that is written out


def compare(a: Version, b: Version) -> Section | Alike:
    """Count the votes between exactly these two versions.

    Returns:
        ABSENT if there are none, or if what is compared is an output of a version.

    Raises:
        MissingError: a vote names no commit, and the bytes of a version are nowhere.
        ProjectError: the file of the votes cannot be read.
    """
    root = a.root or b.root or Path()
    path = path_of(root)
    kept = read(path)
    if not kept.votes:
        return Alike.ABSENT
    by_bytes = any(side.commit is None for vote in kept.votes for side in (vote.a, vote.b))
    sides = [named(version, root, by_bytes) for version in (a, b)]
    found = preference(kept.votes, *sides)
    if not found.votes:
        return Alike.ABSENT
    facts = {**dataclasses.asdict(found), "votes": found.votes, "torn": list(kept.torn)}
    names = a.name, b.name
    blocks = tuple(_blocks(found, names, path, kept))
    return Section(NAME, (_sentence(found, names),), facts, blocks)


def _sentence(found: Preference, names: tuple[str, str]) -> Cell:
    if found.share is None:
        return Cell(f"Votes: {found.equal}, of which none is for either.")
    decided = found.a + found.b
    told = f"Votes: {found.b} of the {decided} for either prefer {names[1]} ({_share(found)})"
    if not _is_real(found):
        return Cell(f"{told}: no preference that so many could show.")
    tone = "better" if found.b > found.a else "worse"
    return Cell(f"{told}: real, and {tone}.", tone)


def _blocks(found: Preference, names: tuple[str, str], path: Path, kept: Kept) -> Iterator[Block]:
    rows = ((names[0], str(found.a)), (names[1], str(found.b)), ("equal", str(found.equal)))
    yield Table("", ("thought better", "votes"), rows, frozenset({1}))
    if found.share is not None:
        yield Text(
            f"Of the votes for either, the share for {names[1]}: {_share(found)}. "
            "Interval: Wilson's. p: two-sided sign test."
        )
    yield Text(f"Blind, with names hidden and sides drawn by chance: {found.blind}.")
    if kept.torn:
        lines = ", ".join(map(str, kept.torn))
        yield Text(f"Left out of {path.name}, since they are no votes: lines {lines}.")


def _is_real(found: Preference) -> bool:
    return found.p is not None and found.p < LEVEL


def _share(found: Preference) -> str:
    assert None not in (found.share, found.low, found.high, found.p)
    share, low, high = (100 * (one or 0) for one in (found.share, found.low, found.high))
    p = "p < 0.001" if (found.p or 0) < _LEAST else f"p = {found.p:.3f}"
    return f"{share:.0f} %, {CONFIDENCE} {low:.0f} to {high:.0f} %, {p}"
