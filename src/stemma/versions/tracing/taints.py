"""The versions that learnt from a document which is revoked today."""

from collections.abc import Sequence
from pathlib import Path

from stemma.corpus.revoked import read
from stemma.layout import REVOKED
from stemma.versions.history.records import Record
from stemma.versions.tracing.descendants import Trace, followed
from stemma.versions.tracing.manifests import manifests_of
from stemma.versions.tracing.matching import Wanted, exact


def taints(found: Sequence[Record], root: Path = Path()) -> dict[str, Trace]:
    """Return the versions that hold what is revoked, or descend from one that does, by commit.

    Versions of which this cannot be told are included. Where nothing is revoked, no manifest is
    read.

    Args:
        found: all versions, newest first, as ``History.records`` returns them.
        root: the project's root.

    Raises:
        DataError: a manifest or a line of data/revoked.jsonl is torn.
    """
    entries = read(root / REVOKED)
    if not entries:
        return {}
    ids, hashes = zip(*((one.id, one.sha256) for one in entries), strict=True)
    wanted = Wanted(frozenset(ids), frozenset(hashes), ())
    known, missing = manifests_of(found, root)
    rows = {one: exact(one.path, one.owner, wanted).matches for one in set(known.values())}
    matches = {commit: rows[one] for commit, one in known.items()}
    traces = followed(found, matches, missing, root)
    return {one.commit: one for one in traces if one.splits or one.through or one.unknown}


def why_tainted(one: Trace) -> str:
    """Return in words what taints a version."""
    held = [f"{match.id} in {match.split}" for match in one.matches if match.split]
    base = [f"its base descends from {commit[:7]}" for commit in one.through]
    unknown = [f"not known: {one.unknown}"] if one.unknown else []
    return "; ".join([*held, *base, *unknown])
