"""What changed in the documents: which, where they went, how alike they are, and where from."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stemma.corpus.split import SPLITS
from stemma.pages.blocks import Alike, Block, Section, Text, without
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.contents.manifest import MANIFEST, has_manifest
from stemma.versions.differences.data import shift, sources, words
from stemma.versions.differences.data.matching import Matched, counts, match, nearest, similarities

NAME = "data"


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the documents of two versions.

    Returns:
        EQUAL if they and what became of them are the same; ABSENT if neither has a manifest, or if
        one is a model alone.

    Raises:
        DataError: a manifest, a shard or sources.json is torn.
        MissingError: the bytes of a manifest are nowhere; or those of sources.json, where nothing
            else differs and data/raw is another.
    """
    has = has_manifest(a), has_manifest(b)
    if not all(has):
        return without(NAME, (a, b), has, Path(a.declared.prepared, MANIFEST), "documents")
    differing, unknown = _sources(a, b)
    matched = None
    if _manifest(a) != _manifest(b):
        matched = match(a, b)
    if (matched is None or matched.same) and not differing:
        if unknown and _raw(a) != _raw(b):
            raise MissingError(unknown)
        return Alike.EQUAL
    facts: dict[str, Any] = {"sources": differing}
    told = sources.sentences(differing)
    blocks: list[Block] = [Text(f"Sources: {unknown}")] if unknown else []
    if differing:
        blocks.append(sources.table_of(differing, (a.name, b.name)))
    if matched is not None and not matched.same:
        facts |= _facts(matched, a, b)
        told += words.sentences(facts)
        blocks += words.blocks(facts, a, b)
    return Section(NAME, tuple(told), facts, (Text(" ".join(told)), *blocks))


def _sources(a: Version, b: Version) -> tuple[dict[str, dict[str, Any]], str]:
    try:
        return sources.compare_sources(a, b), ""
    except MissingError as error:
        return {}, str(error)


def _manifest(version: Version) -> str:
    return version.files(version.declared.prepared)[MANIFEST]


def _raw(version: Version) -> str:
    """Return the hash of the raw documents that dvc.lock names; empty if it names none."""
    md5, _ = version.lock.outs.get(version.declared.raw, ("", 0))
    return md5


def _facts(matched: Matched, a: Version, b: Version) -> dict[str, Any]:
    names = [matched.a["id"], matched.b["id"]]
    alike = similarities(matched, a, b)
    changed = zip(matched.values("id", matched.changed)[0].to_pylist(), alike.tolist(), strict=True)
    # From old to new, and the most changed first; what is not known comes last.
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
        "shift": shift.shift(matched.a, matched.b),
    }


def _ids(names: pa.ChunkedArray, rows: Any) -> list[str]:
    return names.take(pa.array(rows)).to_pylist()


def _fates(matched: Matched) -> list[dict[str, Any]]:
    before, after = matched.values("fate", matched.placed)
    pairs = Counter(zip(before.to_pylist(), after.to_pylist(), strict=True))
    return [
        {"from": one, "to": other, "documents": count}
        for (one, other), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]


def _sums(matched: Matched, key: str) -> dict[str, dict[str, dict[str, int] | None]]:
    sides = [counts(table, key) for table in (matched.a, matched.b)]
    keys = [*SPLITS, *sorted({*sides[0], *sides[1]} - {*SPLITS})]
    found = {name: {"a": sides[0].get(name), "b": sides[1].get(name)} for name in keys}
    return {name: both for name, both in found.items() if _size(both["a"]) != _size(both["b"])}


def _size(sums: dict[str, int] | None) -> tuple[int, int]:
    # Not by tokens, which another tokenizer makes of the same documents.
    return (sums["documents"], sums["bytes"]) if sums else (0, 0)
