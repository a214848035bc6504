"""Revoking records: the list that prepare obeys, and the versions that they taint."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from stemma.corpus.revoked import Revocation, read
from stemma.errors import ProjectError
from stemma.files import atomic_file
from stemma.layout import PREPARED, RAW, REVOKED
from stemma.pages import printing
from stemma.versions.contents.manifest import MANIFEST
from stemma.versions.history.records import Record
from stemma.versions.tracing.manifests import manifests_of
from stemma.versions.tracing.matching import Match, Wanted, exact, search
from stemma.versions.verbs.trace import Trace, followed, whole_history


@dataclasses.dataclass(frozen=True)
class Forgotten:
    """What became of a revocation.

    Attributes:
        added: lines that are new in data/revoked.jsonl.
        similar: kept documents of any version that are nearly the same and not revoked.
        tainted: versions that were trained on what is revoked, or descend from one that was, or of
            which that is not known; newest first.
    """

    added: tuple[Revocation, ...]
    similar: tuple[Match, ...]
    tainted: tuple[Trace, ...]


def forget(ids: Sequence[str], why: str, root: Path = Path()) -> Forgotten:
    """Revoke documents: in data/revoked.jsonl, by their ids and all texts that they ever had.

    Args:
        ids: of documents of any version, or of the working tree.
        why: in words, for the manifests to come.
        root: the project's root.

    Raises:
        ProjectError: no version has such a document, or there is no reason.
        DataError: a manifest is torn, or a line of the list is.
    """
    why = " ".join(why.split())
    if not why:
        raise ProjectError(
            "a record is revoked for a reason", "give one: --why 'asked by its author'"
        )
    found = whole_history(root)
    known, missing = manifests_of(found, root)
    files = {(one.path, one.owner) for one in set(known.values())}
    tree = root / PREPARED / MANIFEST
    files |= {(tree, str(PREPARED / MANIFEST))} if tree.exists() else set()
    wanted = Wanted(frozenset(ids), frozenset(), ())
    rows = [match for path, owner in files for match in exact(path, owner, wanted)]
    for unknown in (one for one in ids if one not in {match.id for match in rows}):
        unread = (
            f", as far as can be read ({len(missing)} manifests are missing)" if missing else ""
        )
        raise ProjectError(
            f"no version has a document with the id '{unknown}'{unread}",
            f"ids stand in {PREPARED / MANIFEST}; `stemma trace --text` finds a text",
        )
    path = root / REVOKED
    before = read(path)
    listed = {(one.id, one.sha256) for one in before}
    pairs = sorted({(match.id, match.sha256) for match in rows} - listed)
    added = tuple(Revocation(identifier, key, why) for identifier, key in pairs)
    if added:
        _write(path, [*before, *added])
    return Forgotten(
        added, _similar(files, rows, [*before, *added]), tuple(taints(found, root).values())
    )


def taints(found: Sequence[Record], root: Path = Path()) -> dict[str, Trace]:
    """Return the versions that hold what is revoked, or descend from one that does, by commit.

    Those of which it is not known are in too. Without a revoked record nothing is read.

    Args:
        found: all versions, newest first, as `history.records` gives them.
        root: the project's root.

    Raises:
        DataError: a manifest is torn, or a line of the list is.
    """
    entries = read(root / REVOKED)
    if not entries:
        return {}
    ids, hashes = zip(*((one.id, one.sha256) for one in entries), strict=True)
    wanted = Wanted(frozenset(ids), frozenset(hashes), ())
    known, missing = manifests_of(found, root)
    rows = {one: tuple(exact(one.path, one.owner, wanted)) for one in set(known.values())}
    matches = {commit: rows[one] for commit, one in known.items()}
    traces = followed(found, matches, missing, root)
    return {one.record.commit: one for one in traces if one.splits or one.through or one.unknown}


def tell(done: Forgotten, as_json: bool) -> None:
    """Print what was revoked, what it taints and what is to be done."""
    if as_json:
        printing.print_json(_facts(done))
        return
    console = printing.console()
    for entry in done.added:
        console.print(f"revoked: {entry.id} ({entry.sha256[:10]}): {entry.why}")
    if not done.added:
        console.print(f"already in {REVOKED}; nothing is written")
    if done.tainted:
        table = Table("tainted", "names", "by", box=None)
        for one in done.tainted:
            table.add_row(one.record.commit[:7], ", ".join(one.refs), why_tainted(one))
        console.print(table)
    else:
        console.print("no version in Git holds it")
    for match in done.similar:
        share = "" if match.similarity is None else f", {match.similarity:.0%} alike"
        console.print(f"not revoked, and nearly the same: {match.id}{share}")
    console.print(
        f"Now: `dvc repro`, and commit it with {REVOKED}: prepare drops these, and train makes "
        "clean weights. Then rebuild each tainted version that is in use, bases first. "
        f"{RAW} holds the texts until they are gone from the source."
    )


def why_tainted(one: Trace) -> str:
    """Return what taints a version, in words."""
    held = [f"{match.id} in {match.split}" for match in one.matches if match.split]
    base = [f"its base descends from {commit[:7]}" for commit in one.through]
    unknown = [f"not known: {one.unknown}"] if one.unknown else []
    return "; ".join([*held, *base, *unknown])


def _similar(
    files: set[tuple[Path, str]], rows: list[Match], entries: list[Revocation]
) -> tuple[Match, ...]:
    ids = frozenset(entry.id for entry in entries)
    hashes = frozenset(entry.sha256 for entry in entries)
    wanted = Wanted(ids, hashes, tuple(sorted({one.sketch for one in rows if one.sketch})))
    near = {
        match.id: match
        for path, owner in sorted(files)
        for match in search(path, owner, wanted)
        if match.split and match.how in ("cluster", "similar")
    }
    return tuple(near[key] for key in sorted(near))


def _write(path: Path, entries: Sequence[Revocation]) -> None:
    lines = (json.dumps(dataclasses.asdict(one), ensure_ascii=False) for one in entries)
    with atomic_file(path, "w") as handle:
        handle.writelines(f"{line}\n" for line in lines)


def _facts(done: Forgotten) -> dict[str, Any]:
    return {
        "revoked": [dataclasses.asdict(entry) for entry in done.added],
        "similar": [
            {"id": match.id, "sha256": match.sha256, "similarity": match.similarity}
            for match in done.similar
        ],
        "tainted": [
            {
                "commit": one.record.commit,
                "refs": list(one.refs),
                "splits": list(one.splits),
                "ids": [match.id for match in one.matches if match.split],
                "through": list(one.through),
                "unknown": one.unknown or None,
            }
            for one in done.tainted
        ],
    }
