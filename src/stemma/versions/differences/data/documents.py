"""The documents that differ: the facts, and what is said and shown of them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from stemma.corpus.split import SPLITS
from stemma.pages.blocks import Block, Cell, Table, Text, Tone
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.differences.data import shift
from stemma.versions.differences.data.excerpts import beside
from stemma.versions.differences.data.matching import (
    DROPPED,
    MatchedDocuments,
    counts,
    nearest,
    similarities,
)

_SHOWN = 12
_BESIDE = 3
_LEAST_GROWTH = 5e-5  # anything less would be written as 0.00 %
_UNITS = ("documents", "bytes", "tokens")
_TONES: dict[str, Tone] = {"added": "added", "removed": "removed", "masked_otherwise": ""}


def facts_of(matched: MatchedDocuments, a: Version, b: Version) -> dict[str, Any]:
    """Return the facts on all documents that differ.

    Raises:
        MissingError: a manifest cannot be found.
    """
    names = [matched.a["id"], matched.b["id"]]
    alike = similarities(matched, a, b)
    changed = zip(matched.values("id", matched.changed)[0].to_pylist(), alike.tolist(), strict=True)
    # The most changed first; those whose similarity is not known come last.
    ranked = sorted(changed, key=lambda pair: (np.isnan(pair[1]), pair[1], pair[0]))
    return {
        "documents": {"a": len(matched.a), "b": len(matched.b)},
        "added": _ids(names[1], matched.added),
        "removed": _ids(names[0], matched.removed),
        "renamed": dict(zip(*map(_ids, names, matched.renamed), strict=True)),
        "changed": {name: None if np.isnan(share) else share for name, share in ranked},
        "moved": _fates(matched),
        "masked_otherwise": matched.values("id", matched.masked)[0].to_pylist(),
        "alike": [
            {
                "removed": names[0][one].as_py(),
                "added": names[1][other].as_py(),
                "similarity": share,
            }
            for one, other, share in nearest(matched, a, b)
        ],
        "splits": _sums(matched, "fate"),
        "by_source": _sums(matched, "source"),
        "shift": shift.facts_of(matched.a, matched.b),
    }


def sentences(facts: dict[str, Any]) -> Iterator[str]:
    """Yield what the verdict says of the documents, the most important first."""
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
    if one and abs(other / one - 1) >= _LEAST_GROWTH:
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
    """Yield tables of the documents, and what some of them said before and after.

    Raises:
        DataError: a shard of data/raw is torn.
    """
    names = (a.name, b.name)
    for title, key, of in (
        ("By split and fate", "splits", "split or fate"),
        ("By source", "by_source", "source"),
    ):
        units = _units(facts[key])
        rows = [
            (
                name,
                *(f"{(side or {}).get(unit) or 0:,}" for unit in units for side in both.values()),
            )
            for name, both in facts[key].items()
        ]
        if rows:
            columns = (of, *(f"{unit}, {name}" for unit in units for name in names))
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


def _ids(names: pa.ChunkedArray, rows: Any) -> list[str]:
    return names.take(pa.array(rows)).to_pylist()


def _fates(matched: MatchedDocuments) -> list[dict[str, Any]]:
    before, after = matched.values("fate", matched.placed)
    pairs = Counter(zip(before.to_pylist(), after.to_pylist(), strict=True))
    return [
        {"from": one, "to": other, "documents": count}
        for (one, other), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]


def _sums(matched: MatchedDocuments, key: str) -> dict[str, dict[str, dict[str, Any] | None]]:
    sides = [counts(table, key) for table in (matched.a, matched.b)]
    keys = [*SPLITS, *sorted({*sides[0], *sides[1]} - {*SPLITS})]
    found = {name: {"a": sides[0].get(name), "b": sides[1].get(name)} for name in keys}
    return {name: both for name, both in found.items() if _size(both["a"]) != _size(both["b"])}


def _units(sums: dict[str, dict[str, dict[str, Any] | None]]) -> list[str]:
    """Return those of documents, bytes and tokens that a manifest counts."""
    sides = [side for both in sums.values() for side in both.values() if side]
    return [unit for unit in _UNITS if any(side[unit] is not None for side in sides)]


def _size(sums: dict[str, Any] | None) -> tuple[int, int]:
    # Without the tokens: another tokenizer makes more or fewer of the same documents.
    return (sums["documents"], sums["bytes"]) if sums else (0, 0)
