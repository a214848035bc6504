"""What changed in the tokenizer: merges, vocabulary, added tokens, template, and fertility."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from stemma.pages.blocks import Block, Cell, Table, Text, Tone
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.contents.tokenizer import Tokenizer, find, read
from stemma.versions.differences.section import Alike, Section, sentence
from stemma.versions.differences.tokenizer.byte_level import shown
from stemma.versions.differences.tokenizer.fertility import Fertility, fertility_of

NAME = "tokenizer"
_FIRST = 12  # entries of each kind that are shown
_SIGNS: tuple[Tone, ...] = ("removed", "added")


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the tokenizers of two versions.

    Returns:
        EQUAL if they are the same; ABSENT if neither version has one.

    Raises:
        DataError: a file of a tokenizer is torn.
        MissingError: a file of a tokenizer cannot be found.
    """
    ours, theirs = find(a), find(b)
    if ours is None and theirs is None:
        return Alike.ABSENT
    if ours is None or theirs is None:
        lacking = a if ours is None else b
        words = f"{lacking.name} has no tokenizer."
        return Section(NAME, (words,), {"missing": lacking.name}, (Text(words),))
    if ours.hashes == theirs.hashes:
        return Alike.EQUAL
    one, other = read(ours), read(theirs)
    facts = _facts(one, other)
    if not facts:
        return Alike.EQUAL
    clauses, blocks = list(_words(facts)), list(_blocks(facts))
    try:
        fertility = fertility_of(a, b, one.vocabulary)
    except MissingError as error:
        blocks.append(Text(f"Tokens on the test split: {error}"))
        fertility = None
    if fertility:
        facts["fertility"] = fertility.facts()
        clauses.append(fertility.clause())
        blocks.append(_fertility(fertility))
    words = sentence("Tokenizer", clauses)
    return Section(NAME, (words,), facts, (Text(words), *blocks))


def _facts(one: Tokenizer, other: Tokenizer) -> dict[str, Any]:
    ours, theirs = one.vocabulary, other.vocabulary
    pairs = set(one.merges), set(other.merges)
    kept = [merge for merge in one.merges if merge in pairs[1]]
    lines = difflib.unified_diff(
        (one.template or "").splitlines(), (other.template or "").splitlines(), lineterm="", n=1
    )
    facts: dict[str, Any] = {
        "merges_added": [list(merge) for merge in other.merges if merge not in pairs[0]],
        "merges_removed": [list(merge) for merge in one.merges if merge not in pairs[1]],
        "merges_reordered": kept != [merge for merge in other.merges if merge in pairs[0]],
        "entries_added": sorted(theirs.keys() - ours.keys(), key=theirs.__getitem__),
        "entries_removed": sorted(ours.keys() - theirs.keys(), key=ours.__getitem__),
        "entries_renumbered": sum(
            theirs.get(entry, number) != number for entry, number in ours.items()
        ),
        "added_tokens": _changes(one.added, other.added),
        "settings": _changes(one.settings, other.settings),
        "template": list(lines)[2:],  # without the names of files
    }
    return {key: value for key, value in facts.items() if value}


def _changes(one: dict[str, Any], other: dict[str, Any]) -> dict[str, list[Any]]:
    # [[before], [after]]; an empty list stands for a key that is absent, since null is a value.
    return {
        key: [[side[key]] if key in side else [] for side in (one, other)]
        for key in sorted({*one, *other})
        if key not in one or key not in other or one[key] != other[key]
    }


def _words(facts: dict[str, Any]) -> Iterator[str]:
    for what, names in (("merge", "merges"), ("vocabulary entry", "entries")):
        added, removed = (len(facts.get(f"{names}_{side}", ())) for side in ("added", "removed"))
        for count, how in ((added, "new"), (removed, "gone")):
            if count:
                yield f"{count} {_plural(what, count)} {'is' if count == 1 else 'are'} {how}"
    if facts.get("merges_reordered"):
        yield "merges stand in another order"
    if renumbered := facts.get("entries_renumbered"):
        has = "has" if renumbered == 1 else "have"
        yield f"{renumbered} {_plural('vocabulary entry', renumbered)} {has} another id"
    for key, (before, after) in facts.get("added_tokens", {}).items():
        how = "changed" if before and after else "new" if after else "gone"
        yield f"the added token {key} {'is' if how != 'changed' else 'has'} {how}"
    if "template" in facts:
        yield "the chat template changed"
    if settings := facts.get("settings"):
        count = len(settings)
        yield f"{count} {_plural('setting', count)} changed: {', '.join(settings)}"


def _blocks(facts: dict[str, Any]) -> Iterator[Block]:
    merges = [
        (Cell(" + ".join(map(shown, merge)), sign), sign)
        for sign in _SIGNS
        for merge in facts.get(f"merges_{sign}", ())[:_FIRST]
    ]
    if merges:
        yield Table(_first("Merges", facts, "merges"), ("merge", "change"), tuple(merges))
    entries = [
        (Cell(shown(entry), sign), sign)
        for sign in _SIGNS
        for entry in facts.get(f"entries_{sign}", ())[:_FIRST]
    ]
    if entries:
        yield Table(_first("Vocabulary", facts, "entries"), ("entry", "change"), tuple(entries))
    for key, title, of in (
        ("added_tokens", "Added tokens", "token"),
        ("settings", "Settings", "setting"),
    ):
        if key in facts:
            rows = tuple((name, *map(_said, sides)) for name, sides in facts[key].items())
            yield Table(title, (of, "before", "after"), rows)
    if "template" in facts:
        rows = tuple((_line(line),) for line in facts["template"])
        yield Table("Chat template", ("line",), rows)


def _line(line: str) -> Cell:
    tones: dict[str, Tone] = {"+": "added", "-": "removed", "@": "muted"}
    return Cell(line, tones.get(line[:1], ""))


def _said(side: Sequence[Any]) -> str:
    return str(side[0]) if side else "–"  # noqa: RUF001


def _first(title: str, facts: dict[str, Any], names: str) -> str:
    longest = max(len(facts.get(f"{names}_{side}", ())) for side in ("added", "removed"))
    return f"{title} (the first {_FIRST} of each)" if longest > _FIRST else title


def _fertility(found: Fertility) -> Table:
    facts, rows = found.facts(), []
    rows.append(("tokens", *(f"{count:,}" for count in found.tokens)))
    rows.append(("tokens per byte", *(f"{rate:.4f}" for rate in facts["tokens_per_byte"])))
    if facts["tokens_per_word"]:
        rows.append(("tokens per word", *(f"{rate:.4f}" for rate in facts["tokens_per_word"])))
    title = f"The same {found.documents} documents of the test split"
    return Table(title, ("measure", "before", "after"), tuple(rows), frozenset((1, 2)))


def _plural(what: str, count: int) -> str:
    if count == 1:
        return what
    return f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
