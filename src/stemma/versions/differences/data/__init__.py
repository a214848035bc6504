"""What changed in the documents and in the sources that they come from."""

from pathlib import Path
from typing import Any

from stemma.pages.blocks import Block, Text
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.contents.manifest import MANIFEST, has_manifest
from stemma.versions.differences.data import documents, files, sources
from stemma.versions.differences.data.matching import match
from stemma.versions.differences.section import Alike, Section, without

NAME = "data"


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the documents of two versions.

    Returns:
        EQUAL if the documents and what became of them are the same, or without a manifest in either
        version the hashes of the data; ABSENT if there is no data, or if one is only a model.

    Raises:
        DataError: a manifest, a shard or sources.json is torn.
        MissingError: a manifest cannot be found; or sources.json cannot, although data/raw differs
            and nothing else does.
    """
    has = has_manifest(a), has_manifest(b)
    if not any(has) and a.has_reports and b.has_reports:
        return _by_files(a, b)
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
        facts |= documents.facts_of(matched, a, b)
        told += documents.sentences(facts)
        blocks += documents.blocks(facts, a, b)
    return Section(NAME, tuple(told), facts, (Text(" ".join(told)), *blocks))


def _by_files(a: Version, b: Version) -> Section | Alike:
    facts = files.changed(a, b)
    if not facts:
        return Alike.EQUAL if files.inputs(a) else Alike.ABSENT
    told = files.sentence(facts)
    return Section(
        NAME, (told,), {"files": facts}, (Text(told), files.table_of(facts, (a.name, b.name)))
    )


def _sources(a: Version, b: Version) -> tuple[dict[str, dict[str, Any]], str]:
    try:
        return sources.compare_sources(a, b), ""
    except MissingError as error:
        return {}, str(error)


def _manifest(version: Version) -> str:
    return version.files(version.declared.prepared)[MANIFEST]


def _raw(version: Version) -> str:
    """Return the hash of the raw documents in dvc.lock; empty if it names none."""
    md5, _ = version.lock.outs.get(version.declared.raw, ("", 0))
    return md5
