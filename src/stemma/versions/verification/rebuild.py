"""Rebuilds the stages of a version in a worktree, into a DVC cache of their own."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK, Stage
from stemma.store.objects import ObjectStore, cache_at, repository
from stemma.store.version import Tree
from stemma.versions.verification.lost_outputs import lost_outputs
from stemma.versions.verification.running import (
    Tell,
    fetch_raw,
    point_dvc_at,
    run_stages,
    untold,
)
from stemma.versions.verification.worktree import Worktree


@dataclasses.dataclass(frozen=True)
class Rebuild:
    """What came of rebuilding a version.

    Attributes:
        stages: those that were built, in the order in which they ran.
        cache: the DVC cache that holds their outputs.
        failed: the stage at which it stopped; None if all were built.
        reason: the last words of that stage.
        missing: for each output of the version that is not at hand, where it was looked for.
    """

    stages: Sequence[Stage]
    cache: Path
    failed: str | None
    reason: str
    missing: Mapping[str, str]


def rebuild(
    site: Worktree,
    locked: Sequence[Stage],
    cache: Path,
    remotes: Mapping[str, str],
    only: str | None,
    tell: Tell = untold,
) -> Rebuild:
    """Fetch the raw files that DVC tracks, then run the stages.

    Args:
        site: a clean checkout of the version.
        locked: the stages of the version.
        cache: the user's: raw files, and the inputs of ``only``, come from there.
        remotes: the user's, name -> URL; a path is absolute.
        only: the one stage to build; those above it are built too if an input is not in the cache.
        tell: is told which stage is being built.

    Raises:
        ProjectError: a raw file is in no cache and no remote, or DVC itself cannot start.
    """
    point_dvc_at(site, cache, remotes)
    fetch_raw(site)
    store = cache_at(cache)
    missing = lost_outputs(site, locked, store)
    own = site.folder / "cache"
    made = {out.path for stage in locked for out in stage.outs}
    for stage in locked:
        if only in (None, stage.name) and absent(stage, site.tree, made):
            return Rebuild([], own, stage.name, "a dependency is not there", missing)
    alone = only is not None and _check_out_inputs(site, locked, store, only, tell)
    # Another state database too: with the one of the checkout DVC would trust hashes unseen.
    point_dvc_at(site, own, remotes)
    locks = [path for path in Tree(site.tree).pointers() if path.endswith(LOCK)]
    for path in locks:
        (site.tree / path).unlink()
    command = ["dvc", "repro", "--force", "--no-run-cache"]
    command += [] if only or locks == [LOCK] else ["--all-pipelines"]
    command += ["--single-item"] if alone else []
    failed, reason = run_stages(site, [*command, *([only] if only else [])], len(locked), tell)
    return Rebuild([*Tree(site.tree).stages()], own, failed, reason, missing)


def reproduce(
    site: Worktree,
    locked: Sequence[Stage],
    cache: Path,
    remotes: Mapping[str, str],
    target: str,
    tell: Tell = untold,
) -> None:
    """Run a stage with `dvc repro`, on inputs from the user's cache, or else from a remote.

    If one of them is nowhere, what makes it is built.

    Args:
        site: a clean checkout of the version.
        locked: the stages of the version.
        cache: the user's.
        remotes: the user's, name -> URL; a path is absolute.
        target: the stage.
        tell: is told which stage is being built.

    Raises:
        ProjectError: a stage stops, or DVC cannot start.
    """
    point_dvc_at(site, cache, remotes)
    fetch_raw(site)
    made = {out.path for stage in locked for out in stage.outs}
    deps = {dep.path for stage in locked if stage.name == target for dep in stage.deps}
    # Of a version that was committed before the stage ran, its inputs are not known.
    wanted = [path for path in sorted(deps & made or made) if not (site.tree / path).exists()]
    # The run cache would not do: DVC leaves it alone where an output of the stage stands in Git.
    brings = (["dvc", verb, *wanted] for verb in ("checkout", "pull"))
    alone = not wanted or any(site.run(bring)[0] == 0 for bring in brings)
    command = ["dvc", "repro", *(["--single-item"] if alone else []), target]
    failed, reason = run_stages(site, command, len(locked), tell)
    if failed:
        raise ProjectError(f"{failed} stopped: {reason}", "`stemma verify` says more")


def surroundings(root: Path) -> tuple[Path, dict[str, str]]:
    """Return the user's cache and remotes, name -> URL.

    Raises:
        ProjectError: DVC refuses its configuration.
    """
    with repository(root) as repo:
        remotes = {name: remote["url"] for name, remote in repo.config["remote"].items()}
        return Path(repo.cache.local_cache_dir), remotes


def _check_out_inputs(
    site: Worktree, locked: Sequence[Stage], cache: ObjectStore, only: str, tell: Tell
) -> bool:
    made = {out.path for stage in locked for out in stage.outs}
    deps = [dep for stage in locked if stage.name == only for dep in stage.deps]
    wanted = [dep for dep in deps if dep.path in made and not (site.tree / dep.path).exists()]
    broken = [dep.path for dep in wanted if not cache.is_sound(dep.md5)]
    if broken:
        tell(f"not sound in the cache, so what makes it is rebuilt too: {', '.join(broken)}")
        return False
    return not wanted or not site.run(["dvc", "checkout", *(dep.path for dep in wanted)])[0]


def absent(stage: Stage, tree: Path, made: Collection[str]) -> list[str]:
    """Return the dependencies of a stage that no stage makes and the commit does not have."""
    wanted = (dep.path for dep in stage.deps if dep.path not in made and not dep.is_external)
    return [path for path in wanted if not (tree / path).exists()]
