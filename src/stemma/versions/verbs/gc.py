"""Delete from the cache what no version refers to, and nothing else."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from stemma.hashes import DIR
from stemma.pages import printing
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.objects import ObjectStore, cache_of, remote_of, repository
from stemma.store.outputs import Holders, Output, outputs
from stemma.store.sharing import folder_of, is_shared, users

if TYPE_CHECKING:
    from dvc.repo import Repo

ROWS = 10  # the largest; --json has all
_UNSOUND = (DamagedError, FileNotFoundError)


def gc(unpushed: bool, yes: bool, as_json: bool, projects: Sequence[Path] = ()) -> None:
    """Show what can go, ask, and delete it.

    Args:
        unpushed: let go also of what the default remote does not have.
        yes: do not ask.
        as_json: print what can go as JSON; without ``yes`` nothing is deleted.
        projects: others that use the same cache; what they need stays too.

    Raises:
        ProjectError: DVC is at work, or the files of some version cannot be known; or others may
            use the cache, and what no remote has was to go.
    """
    # Under DVC's lock no other command can add an object between the look and the deletion.
    with repository() as repo, repo.lock:
        if unpushed and not projects and is_shared(repo):
            raise ProjectError(
                f"others may use the cache {folder_of(repo)}, and it can hold the only copy of "
                "their versions",
                "name every other project that uses it, `--projects PATH` for each (`--projects .` "
                "if there is none), or leave out --unpushed",
            )
        cache = cache_of(repo)
        with users(repo, projects) as (owners, trees):
            used = _used(owners, trees, cache)
            spare = [key for key in cache.all() if key not in used]
            only_here = set() if unpushed else set(spare) - _pushed(repo, spare)
            sizes = {key: cache.size(key) for key in spare if key not in only_here}
            if as_json:
                printing.print_json({"objects": sizes, "unpushed": len(only_here), "deleted": yes})
            else:
                _show(sizes, len(only_here), cache)
                yes = yes or (bool(sizes) and click.confirm("Delete them?", err=True))
            if yes and sizes:
                cache.delete(sizes)


def _used(owners: Sequence["Repo"], trees: Sequence["Repo"], cache: ObjectStore) -> set[str]:
    held = [outputs(Path(owner.root_dir), reflog=True) for owner in owners]
    for one in held:  # DVC would stop in the middle of such a listing
        _used_by_git(one, cache, DamagedError)
    # DVC fetches the listings that are not here, if the remote has them.
    used = set().union(*(_used_by_dvc(owner) for owner in owners))
    used |= set().union(*(_named(tree.used_objs()) for tree in trees))
    return used.union(*(_used_by_git(one, cache, _UNSOUND) for one in held))


def _used_by_dvc(repo: "Repo") -> set[str]:
    """Return what ``dvc gc --workspace --all-commits --all-experiments`` keeps."""
    return _named(repo.used_objs(all_commits=True, all_experiments=True))


def _named(found: Mapping[Any, Collection[Any]]) -> set[str]:
    return {info.value for infos in found.values() for info in infos}


def _used_by_git(
    held: dict[Output, Holders],
    cache: ObjectStore,
    refused: type[Exception] | tuple[type[Exception], ...],
) -> set[str]:
    """Return what any ref or reflog reaches: also stashes, queued experiments, amended commits.

    Args:
        held: the outputs, by the versions that have them.
        cache: where the listings of folders are read.
        refused: what the listing of a folder that a ref reaches must not raise.

    Raises:
        ProjectError: the listing of a folder is not sound, so its files are not known.
    """
    used = set()
    for output, versions in held.items():
        used.add(output.key)
        try:
            used.update(cache.files(output.key).values())
        except _UNSOUND as error:
            if not versions.kept or not isinstance(error, refused):
                continue
            raise ProjectError(
                f"the listing of {output.path} ({', '.join(versions.names)}) is not in the cache "
                "or damaged, so the files that it needs are not known",
                "`stemma fsck` shows more; `dvc fetch --all-commits` or `stemma fsck --remote NAME "
                "--repair` brings it back",
            ) from error
    return used


def _pushed(repo: "Repo", keys: list[str]) -> set[str]:
    if not repo.config["core"].get("remote"):
        return set()
    return remote_of(repo, None).among(keys)


def _show(sizes: dict[str, int], only_here: int, cache: ObjectStore) -> None:
    console = printing.console()
    if sizes:
        console.print(_table(sizes, cache))
        console.print(f"{len(sizes)} objects, {sum(sizes.values()) / 1e6:,.1f} MB, can go")
    else:
        console.print("nothing to delete")
    if only_here:
        console.print(
            f"{only_here} objects that no version refers to stay: the default remote does not "
            "have them (--unpushed lets them go)"
        )


def _table(sizes: dict[str, int], cache: ObjectStore) -> Table:
    names = _names(sizes, cache)
    table = Table()
    table.add_column("object")
    table.add_column("bytes", justify="right")
    table.add_column("was", overflow="fold")
    largest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    for key, size in largest[:ROWS]:
        table.add_row(key[:8], f"{size:,}", names.get(key, ""))
    if len(largest) > ROWS:
        rest = largest[ROWS:]
        table.add_row("…", f"{sum(size for _, size in rest):,}", f"{len(rest)} smaller ones")
    return table


def _names(sizes: dict[str, int], cache: ObjectStore) -> dict[str, str]:
    """Return what listings that can go call the files that can go."""
    names = {}
    for listing in sizes:
        if listing.endswith(DIR):
            try:
                names |= {key: path for path, key in cache.files(listing).items()}
            except DamagedError:
                names[listing] = "a damaged listing"
    return names
