"""Check that every object that a version refers to is present and sound, and mend it if asked."""

from pathlib import Path

from stemma.store.errors import ProjectError
from stemma.store.objects import cache_of, remote_of, repository
from stemma.versions.integrity.check import Watch, examine, unwatched
from stemma.versions.integrity.findings import IntegrityReport
from stemma.versions.integrity.repair import mend


def fsck(
    remote: str | None = None,
    repair: bool = False,
    watch: Watch = unwatched,
    root: Path = Path(),
) -> IntegrityReport:
    """Read and hash every object that a version refers to, and say what is wrong.

    Args:
        remote: the name of a remote to check too; None for the cache alone.
        repair: replace what is damaged or missing in one of both by what the other has.
        watch: shows how much has been read.
        root: the project.

    Raises:
        ProjectError: Git or DVC refuses, or there is no such remote, or none to repair from.
    """
    if repair and not remote:
        raise ProjectError("there is nothing to repair the cache from", "name a remote too")
    with repository(root) as repo:
        stores = [cache_of(repo)]
        if remote:
            stores.append(remote_of(repo, remote))
        unasked = [name for name in repo.config["remote"] if name != remote]
        found = examine(stores, unasked, watch, root)
        return mend(found, stores) if repair else found
