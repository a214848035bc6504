"""Revoking documents: the list that prepare obeys, and the versions that they taint."""

import dataclasses
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from stemma.corpus.revoked import Revocation, read
from stemma.files import atomic_file
from stemma.layout import REVOKED
from stemma.store.errors import ProjectError
from stemma.store.version import Tree
from stemma.versions.contents.manifest import MANIFEST
from stemma.versions.tracing.descendants import Trace, whole_history
from stemma.versions.tracing.manifests import manifests_of
from stemma.versions.tracing.matching import Exact, Match, Wanted, exact, search
from stemma.versions.tracing.taints import taints, why_tainted


@dataclasses.dataclass(frozen=True)
class TaintedVersion:
    """A version that learnt from a revoked document, itself or through its base.

    Attributes:
        commit: the full hash.
        refs: the tags, branches and experiments that name it.
        splits: the splits in which it holds revoked documents.
        ids: the ids of those documents.
        through: the commits of the versions from which it descends and that hold some.
        unknown: why this cannot be told; None if it can.
        why: all of this in words.
    """

    commit: str
    refs: tuple[str, ...]
    splits: tuple[str, ...]
    ids: tuple[str, ...]
    through: tuple[str, ...]
    unknown: str | None
    why: str

    @classmethod
    def of(cls, trace: Trace) -> "TaintedVersion":
        """Return what there is to say of a version that was followed."""
        ids = tuple(match.id for match in trace.matches if match.split)
        told = trace.through, trace.unknown, why_tainted(trace)
        return cls(trace.commit, trace.refs, trace.splits, ids, *told)


@dataclasses.dataclass(frozen=True)
class Forgotten:
    """What a revocation did.

    Attributes:
        revoked: the lines that are new in data/revoked.jsonl.
        similar: documents that some version was trained or measured on, that are nearly the same as
            a revoked one, and that are not revoked.
        tainted: the versions that hold a revoked document, descend from one that does, or of which
            this cannot be told; newest first.
    """

    revoked: tuple[Revocation, ...]
    similar: tuple[Match, ...]
    tainted: tuple[TaintedVersion, ...]

    def facts(self) -> dict[str, Any]:
        """Return all of it as ``stemma forget --json`` prints it."""
        tainted = [dataclasses.asdict(one) for one in self.tainted]
        return {
            "revoked": [dataclasses.asdict(entry) for entry in self.revoked],
            "similar": [
                {"id": match.id, "sha256": match.sha256, "similarity": match.similarity}
                for match in self.similar
            ],
            "tainted": [{key: one[key] for key in one if key != "why"} for one in tainted],
        }


def forget(*ids: str, why: str, also: Collection[str] = (), root: Path = Path()) -> Forgotten:
    """Revoke documents: list them in data/revoked.jsonl, by id and by every text they ever had.

    Args:
        ids: of documents of any version, or of the working tree.
        why: the reason in words, for the manifests to come.
        also: ids of documents that are revoked too where some version has them.
        root: the project's root.

    Raises:
        ProjectError: no version has such a document, there is no reason, or the clone is shallow.
        DataError: a manifest or a line of data/revoked.jsonl is torn.
        ModelError: a base.json is torn.
    """
    why = " ".join(why.split())
    if not why:
        raise ProjectError(
            "a record is revoked for a reason", "give one: --why 'asked by its author'"
        )
    found = whole_history(root)
    known, missing = manifests_of(found, root)
    files = {(one.path, one.owner) for one in set(known.values())}
    manifest = f"{Tree(root).declared.prepared}/{MANIFEST}"
    files |= {(root / manifest, manifest)} if (root / manifest).exists() else set()
    wanted = Wanted(frozenset({*ids, *also}), frozenset(), ())
    rows = [exact(path, owner, wanted) for path, owner in files]
    pairs = {(match.id, match.sha256) for one in rows for match in one.matches}
    _check(ids, {identifier for identifier, _ in pairs}, len(missing), manifest)
    path = root / REVOKED
    before = read(path)
    pairs -= {(one.id, one.sha256) for one in before}
    added = tuple(Revocation(identifier, key, why) for identifier, key in sorted(pairs))
    entries = [*before, *added]
    if added:
        _write(path, entries)
    tainted = taints(found, root).values()
    return Forgotten(
        added, _similar(files, rows, entries), tuple(TaintedVersion.of(one) for one in tainted)
    )


def _check(ids: Sequence[str], known: set[str], missing: int, manifest: str) -> None:
    unknown = next((one for one in ids if one not in known), None)
    if unknown is not None:
        unread = f", as far as can be read ({missing} manifests are missing)" if missing else ""
        raise ProjectError(
            f"no version has a document with the id '{unknown}'{unread}",
            f"ids stand in {manifest}; `stemma trace --text` finds a text",
        )


def _similar(
    files: set[tuple[Path, str]], rows: Sequence[Exact], entries: Sequence[Revocation]
) -> tuple[Match, ...]:
    ids = frozenset(entry.id for entry in entries)
    hashes = frozenset(entry.sha256 for entry in entries)
    sketches = {sketch for one in rows for sketch in one.sketches}
    wanted = Wanted(ids, hashes, tuple(sorted(sketches)))
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
