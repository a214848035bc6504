"""The documents that differ, in words and tables."""

from collections.abc import Iterator
from typing import Any

from stemma.pages.blocks import Block, Cell, Table, Text, Tone
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.differences.data import shift
from stemma.versions.differences.data.matching import DROPPED
from stemma.versions.differences.data.texts import beside

_SHOWN = 12
_BESIDE = 3
_TOLD_GROWTH = 5e-5  # less would be told as 0.00 %
_UNITS = ("documents", "bytes", "tokens")
_TONES: dict[str, Tone] = {"added": "added", "removed": "removed", "masked_otherwise": ""}


def sentences(facts: dict[str, Any]) -> Iterator[str]:
    """Say it in words, the weightiest first."""
    kinds = ("added", "removed", "changed", "renamed", "masked_otherwise")
    told = [f"{len(facts[kind]):,} {kind.replace('_', ' ')}" for kind in kinds if facts[kind]]
    if told:
        sides = facts["documents"]
        yield f"Documents ({sides['a']:,} → {sides['b']:,}): {', '.join(told)}."
    if facts["alike"]:
        count = len(facts["alike"])
        noun = "document is" if count == 1 else "documents are"
        yield f"{count:,} removed {noun} much like an added one."
    if facts["moved"]:
        moves = [f"{move['documents']:,} {_told(move)}" for move in facts["moved"][:4]]
        more = len(facts["moved"]) - len(moves)
        yield f"Of those in both: {', '.join(moves)}{f' and {more} other ways' if more else ''}."
    train = facts["splits"].get("train", {"a": None, "b": None})
    one, other = ((train[side] or {}).get("bytes", 0) for side in ("a", "b"))
    if one and abs(other / one - 1) >= _TOLD_GROWTH:
        more = f"{other / one - 1:+.2%}".replace("-", "−")
        yield f"Train has {more} bytes."
    yield from shift.sentences(facts["shift"])


def _told(move: dict[str, Any]) -> str:
    one, other = move["from"], move["to"]
    gone, comes = one.startswith(DROPPED), other.startswith(DROPPED)
    if gone and comes:
        return f"dropped as {other.removeprefix(DROPPED)}, not {one.removeprefix(DROPPED)}"
    if comes:
        return f"now dropped from {one} ({other.removeprefix(DROPPED)})"
    if gone:
        return f"now in {other} (was dropped: {one.removeprefix(DROPPED)})"
    return f"moved from {one} to {other}"


def blocks(facts: dict[str, Any], a: Version, b: Version) -> Iterator[Block]:
    """Show it.

    Raises:
        DataError: a shard of data/raw is torn.
    """
    names = (a.name, b.name)
    for title, key, of in (
        ("By split and fate", "splits", "split or fate"),
        ("By source", "by_source", "source"),
    ):
        rows = [
            (
                name,
                *(f"{(side or {}).get(unit) or 0:,}" for unit in _UNITS for side in both.values()),
            )
            for name, both in facts[key].items()
        ]
        if rows:
            columns = (of, *(f"{unit}, {name}" for unit in _UNITS for name in names))
            yield Table(title, columns, tuple(rows), frozenset(range(1, len(columns))))
    if facts["moved"]:
        rows = tuple((m["from"], m["to"], f"{m['documents']:,}") for m in facts["moved"])
        columns = (f"in {names[0]}", f"in {names[1]}", "documents")
        yield Table("Documents in both", columns, rows, frozenset((2,)))
    yield from _lists(facts)
    pairs = [(name, name) for name in facts["changed"]]
    pairs += [(pair["removed"], pair["added"]) for pair in facts["alike"]]
    if pairs:
        try:
            yield from beside(a, b, pairs[:_BESIDE])
        except MissingError as error:
            yield Text(f"What changed in the texts is not known: {error}")
    yield from shift.tables(facts["shift"], names)


def _lists(facts: dict[str, Any]) -> Iterator[Table]:
    for key, tone in _TONES.items():
        rows = tuple((Cell(name, tone),) for name in facts[key][:_SHOWN])
        if rows:
            yield Table(_title(key, facts), ("document",), rows)
    if facts["renamed"]:
        pairs = list(facts["renamed"].items())[:_SHOWN]
        yield Table(_title("renamed", facts), ("before", "after"), tuple(pairs))
    if facts["changed"]:
        shares = list(facts["changed"].items())[:_SHOWN]
        rows = tuple((name, _share(share)) for name, share in shares)
        yield Table(_title("changed", facts), ("document", "similarity"), rows, frozenset((1,)))
    if facts["alike"]:
        pairs = facts["alike"][:_SHOWN]
        rows = tuple((one["removed"], one["added"], _share(one["similarity"])) for one in pairs)
        columns = ("removed", "added", "similarity")
        yield Table(_title("alike", facts), columns, rows, frozenset((2,)))


def _title(key: str, facts: dict[str, Any]) -> str:
    count = len(facts[key])
    more = f" ({_SHOWN} of {count:,} shown)" if count > _SHOWN else ""
    return f"{key.replace('_', ' ').capitalize()}{more}"


def _share(share: float | None) -> str:
    return "not known" if share is None else f"{share:.2f}"
