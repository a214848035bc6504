"""Delete from the cache what no version refers to, and nothing else."""

import contextlib
import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.hashes import DIR
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.objects import ObjectStore, cache_of, remote_of, repository
from stemma.store.outputs import Holders, Output, outputs
from stemma.store.sharing import folder_of, is_shared, users

if TYPE_CHECKING:
    from dvc.repo import Repo

_UNSOUND = (DamagedError, FileNotFoundError)


@dataclasses.dataclass(frozen=True)
class GarbagePlan:
    """What can go from the cache.

    Attributes:
        objects: the bytes of each object that can go, by its name.
        unpushed: how many objects stay that no version refers to, since the default remote does not
            have them.
        names: what the listings that can go call the files that can go, by the object's name.
        deleted: whether the objects are gone.
    """

    objects: dict[str, int]
    unpushed: int
    names: dict[str, str]
    deleted: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {"objects": self.objects, "unpushed": self.unpushed, "deleted": self.deleted}


class HeldPlan:
    """A plan while DVC's lock is held, so that nothing that it deletes can be needed meanwhile.

    Attributes:
        plan: what can go.
    """

    def __init__(self, plan: GarbagePlan, cache: ObjectStore) -> None:
        self.plan, self._cache = plan, cache

    def delete(self) -> GarbagePlan:
        """Delete what can go."""
        if self.plan.objects:
            self._cache.delete(self.plan.objects)
        return dataclasses.replace(self.plan, deleted=True)


def gc(unpushed: bool = False, projects: Sequence[Path] = (), root: Path = Path()) -> GarbagePlan:
    """Return what can go from the cache; nothing is deleted.

    Args:
        unpushed: let go also of what the default remote does not have.
        projects: others that use the same cache; what they need stays too.
        root: the project.

    Raises:
        ProjectError: DVC is at work, or the files of some version cannot be known; or others may
            use the cache, and what no remote has was to go.
    """
    with holding(unpushed, projects, root) as held:
        return held.plan


@contextlib.contextmanager
def holding(
    unpushed: bool = False, projects: Sequence[Path] = (), root: Path = Path()
) -> Iterator[HeldPlan]:
    """Look for what can go, as `gc` does, and keep DVC locked until the block ends.

    No other command of DVC can add an object between the look and the deletion.
    """
    with repository(root) as repo, repo.lock:
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
            yield HeldPlan(GarbagePlan(sizes, len(only_here), _names(sizes, cache)), cache)


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
    held: Mapping[Output, Holders],
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


def _names(sizes: Mapping[str, int], cache: ObjectStore) -> dict[str, str]:
    """Return what listings that can go call the files that can go."""
    names = {}
    for listing in sizes:
        if listing.endswith(DIR):
            try:
                names |= {key: path for path, key in cache.files(listing).items()}
            except DamagedError:
                names[listing] = "a damaged listing"
    return names
