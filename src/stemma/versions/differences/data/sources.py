"""The sources of the documents: what differs between sources.json of two versions."""

from typing import Any

from stemma.pages.blocks import Table
from stemma.store.version import Version
from stemma.versions.contents.sources import md5_of_sources, read_sources

# Who may use the text comes first.
_FIRST = "license"
_NAMED, _ROWS = 4, 20  # sources in a sentence, lines of the table


def compare_sources(a: Version, b: Version) -> dict[str, dict[str, Any]]:
    """Return the sources that differ, by name: {"a": entry, "b": entry, "changed": fields}.

    An entry is None where the version has no such source.

    Raises:
        DataError: sources.json is torn.
        MissingError: it cannot be found.
    """
    listings = [md5_of_sources(version) for version in (a, b)]
    if None in listings or listings[0] == listings[1]:
        return {}
    one, other = read_sources(a), read_sources(b)
    found = {}
    for name in {**one, **other}:
        left, right = one.get(name), other.get(name)
        if left != right:
            fields = _fields(left, right) if left and right else []
            found[name] = {"a": left, "b": right, "changed": fields}
    return found


def sentences(sources: dict[str, dict[str, Any]]) -> list[str]:
    """Return sentences on the sources that differ; licences first."""
    said: dict[tuple[str, str], list[str]] = {}
    for name, fact in sources.items():
        one, other = fact["a"], fact["b"]
        if one is None or other is None:
            what, told = "is gone" if other is None else "is new", (one or other or {})[_FIRST]
            said.setdefault(("source", what), []).append(f"{name} ({told})")
        elif _FIRST in fact["changed"]:
            what = f"changed: {one[_FIRST]} → {other[_FIRST]}"
            said.setdefault(("licence", what), []).append(name)
        else:
            what = f"changed: {', '.join(fact['changed'])}"
            said.setdefault(("source", what), []).append(name)
    ordered = sorted(said.items(), key=lambda item: item[0][0])
    return [_sentence(of, names, what) for (of, what), names in ordered]


def _sentence(of: str, names: list[str], what: str) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    some = ", ".join(names[:_NAMED]) + more
    if of == "licence":
        return f"The licence of {some} {what}."
    if len(names) == 1:
        return f"The source {some} {what}."
    return f"{len(names):,} sources {what.replace('is ', 'are ', 1)} ({some})."


def table_of(sources: dict[str, dict[str, Any]], names: tuple[str, str]) -> Table:
    """Return a table of the fields that differ; of a source that is new or gone, the main ones."""
    rows = []
    for name, fact in sources.items():
        one, other = fact["a"] or {}, fact["b"] or {}
        for field in fact["changed"] or [_FIRST, "origin", "version", "documents"]:
            rows.append((name, field, _told(one, field), _told(other, field)))
    more = f" ({_ROWS} of {len(rows):,} lines shown)" if len(rows) > _ROWS else ""
    return Table(f"Sources{more}", ("source", "field", *names), tuple(rows[:_ROWS]))


def _told(entry: dict[str, Any], field: str) -> str:
    # Ten digits are enough to tell two hashes apart; --json has all of them.
    return str(entry.get(field, ""))[: 10 if field == "sha256" else None]


def _fields(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    keys = sorted({*left, *right}, key=lambda key: (key != _FIRST, key))
    return [key for key in keys if left.get(key) != right.get(key)]
