"""Rebuild a version from its raw sources, and say whether it is what its dvc.lock claims."""

import dataclasses
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path

from stemma.store import git, refs
from stemma.store.errors import ProjectError
from stemma.store.lock import Stage
from stemma.store.objects import cache_at
from stemma.store.version import built
from stemma.versions.verification import notes
from stemma.versions.verification.bounds import DEFAULT, Bounds
from stemma.versions.verification.line_endings import restore
from stemma.versions.verification.output_files import OutputFiles
from stemma.versions.verification.output_rows import compare_outputs
from stemma.versions.verification.processors import machine
from stemma.versions.verification.rebuild import Rebuild, rebuild, surroundings
from stemma.versions.verification.running import Tell, untold
from stemma.versions.verification.verdict import Verification, judge
from stemma.versions.verification.worktree import Worktree, worktree


def verify(
    revision: str = "HEAD",
    stage: str | None = None,
    bounds: Bounds = DEFAULT,
    keep_worktree: bool = False,
    twice: bool = False,
    tell: Tell = untold,
    root: Path = Path(),
) -> Verification:
    """Rebuild a version in a temporary worktree and compare every output.

    Args:
        revision: what Git calls it.
        stage: only this one; None for all.
        bounds: within which a version that is not the same is equivalent.
        keep_worktree: leave the worktree, with the rebuild in it.
        twice: rebuild it once more, and compare the two rebuilds with each other.
        tell: is told in a line how far the work has come, and what is verified.
        root: the project.

    Raises:
        ProjectError: there is no such version or stage, or it cannot be built at all.
    """
    commit = refs.commit_of(revision, root)
    locked = _stages(commit, stage, root)
    version = {item.name: item for item in locked}
    if git.run(["status", "--porcelain"], root):
        tell(f"the working tree has changes; what is verified is the commit {commit[:10]}")
    cache, remotes = surroundings(root)
    wanted = [one for one in locked if stage in (None, one.name)]
    with worktree(commit, root, keep_worktree) as site:
        remarks = _line_endings(restore(site.tree, wanted))
        tracked = _set_aside(site, locked)
        result = rebuild(site, locked, cache, remotes, stage, tell)
        files = OutputFiles(cache_at(cache), cache_at(result.cache), site.tree, tracked)
        names = [*(item.name for item in result.stages), *([stage] if stage else version)]
        rows = compare_outputs(dict.fromkeys(names), version, result, files, bounds)
        found = dataclasses.replace(
            judge(commit, rows, version, result, files),
            remarks=remarks,
            # A rebuild that stopped may have trained nothing that would say it better.
            machine=machine(site.tree) or platform.machine(),
            worktree=str(site.tree) if keep_worktree else None,
        )
    if not twice:
        return found
    return dataclasses.replace(
        found, repeated=_unlike_again(result, commit, stage, locked, tell, root)
    )


def keep(found: Verification, bounds: Bounds, root: Path = Path()) -> None:
    """Keep the verdict on a whole version in a Git note on its commit, where `show` finds it.

    Nothing is kept of a rebuild that stopped: it says nothing of the version.

    Raises:
        ProjectError: Git cannot write the note.
    """
    if not found.stopped:
        notes.add(found.commit, found.verdict, found.machine, bounds, root)


def _stages(commit: str, wanted: str | None, root: Path) -> list[Stage]:
    """Return the stages of a version.

    Raises:
        ProjectError: there are none, or not the wanted one among them.
    """
    locked = [*built(commit[:10], commit, root).stages()]
    if not locked:
        raise ProjectError(
            f"{commit[:10]} has no stage, so there is nothing to rebuild: what DVC keeps was added",
            "`stemma fsck` says whether its bytes are sound, `stemma status` whether they lie here",
        )
    names = [stage.name for stage in locked]
    if wanted is not None and wanted not in names:
        raise ProjectError(
            f"dvc.lock of {commit[:10]} has no stage '{wanted}'", f"it has {', '.join(names)}"
        )
    return locked


def _unlike_again(
    result: Rebuild,
    commit: str,
    stage: str | None,
    locked: Sequence[Stage],
    tell: Tell,
    root: Path,
) -> tuple[str, ...]:
    """Rebuild the version again; return the outputs that are not as in the first rebuild."""
    cache, remotes = surroundings(root)
    with worktree(commit, root, keep=False) as site:
        restore(site.tree, [one for one in locked if stage in (None, one.name)])
        again = rebuild(site, locked, cache, remotes, stage, tell)
    first, second = (
        {(out.path, out.md5) for made in one.stages for out in made.outs} for one in (result, again)
    )
    return tuple(sorted({path for path, _ in first ^ second}))


def _line_endings(paths: Sequence[str]) -> tuple[str, ...]:
    if not paths:
        return ()
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return (
        f"line endings: dvc.lock names {paths[0]}{more} with others than the commit has; rebuilt "
        "with those of dvc.lock (`* -text` in .gitattributes keeps Git from changing them)",
    )


def _set_aside(site: Worktree, locked: Sequence[Stage]) -> Path:
    # The rebuild overwrites what Git keeps of the outputs.
    folder = site.folder / "tracked"
    for path in (out.path for stage in locked for out in stage.outs):
        if (site.tree / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site.tree / path, folder / path)
    return folder
