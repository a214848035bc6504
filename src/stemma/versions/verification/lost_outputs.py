"""Outputs whose bytes the cache lacks, so that a rebuild can be compared by hash only."""

from collections.abc import Collection, Sequence

from stemma.store.errors import DamagedError
from stemma.store.lock import LockEntry, Stage
from stemma.store.objects import ObjectStore
from stemma.versions.verification.worktree import Worktree


def lost_outputs(site: Worktree, locked: Sequence[Stage], cache: ObjectStore) -> dict[str, str]:
    """Return for each output that the cache lacks where else it was looked for, by its path.

    Args:
        site: a clean checkout of the version; what Git keeps stands in it.
        locked: the stages of the version.
        cache: the user's.
    """
    outs = [out for stage in locked for out in stage.outs if not (site.tree / out.path).exists()]
    gone = [out for out in outs if cache.paths(out.md5) is None]
    if not gone:
        return {}
    # DVC names on stderr, by hash, what neither side has; its JSON leaves it out.
    code, said = site.run(["dvc", "status", "--cloud", *(out.path for out in gone)])
    text = "\n".join(said)
    return {out.path: _where(code, text, _hashes(cache, out)) for out in gone}


def _hashes(cache: ObjectStore, out: LockEntry) -> set[str]:
    # Those of its files too, as far as the cache knows them.
    try:
        return {out.md5, *cache.files(out.md5).values()}
    except (DamagedError, FileNotFoundError):
        return {out.md5}


def _where(code: int, text: str, hashes: Collection[str]) -> str:
    lost = "dvc.lock's is not in the cache"
    if code:
        return f"{lost}; no remote answers"
    return f"{lost} and not in the remote" if any(md5 in text for md5 in hashes) else lost
