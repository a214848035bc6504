"""Rebuild a version from its raw sources, and say whether it is what its dvc.lock claims."""

import dataclasses
import platform
import shutil
import sys
from pathlib import Path

from rich.table import Table

from stemma.layout import TRAINED
from stemma.modeling import observed
from stemma.pages import printing
from stemma.store import git, refs
from stemma.store.errors import ProjectError
from stemma.store.lock import Stage, stages_at
from stemma.store.objects import cache_at
from stemma.versions.verification.line_endings import restore
from stemma.versions.verification.rebuild import Rebuilt, rebuild, surroundings
from stemma.versions.verification.rows import Bounds, Sides
from stemma.versions.verification.verdict import Report, compare, judge
from stemma.versions.verification.worktree import Worktree, check_top, worktree


def verify(
    revision: str,
    stage: str | None,
    keep: bool,
    bounds: Bounds,
    twice: bool = False,
    root: Path = Path(),
) -> Report:
    """Rebuild a version in a temporary worktree and compare every output.

    Args:
        revision: what Git calls it.
        stage: only this one; None for all.
        keep: leave the worktree.
        bounds: within which a version that is not the same is equivalent.
        twice: rebuild it once more, and compare the two rebuilds with each other.
        root: the project.

    Raises:
        ProjectError: there is no such version or stage, or it cannot be built at all.
    """
    commit = refs.commit_of(revision, root)
    check_top(root)
    locked = stages_at(commit, root)
    version = {item.name: item for item in locked}
    if stage is not None and stage not in version:
        has = ", ".join(version)
        raise ProjectError(f"dvc.lock of {commit[:10]} has no stage '{stage}'", f"it has {has}")
    if git.run(["status", "--porcelain"], root):
        line = f"the working tree has changes; what is verified is the commit {commit[:10]}"
        print(line, file=sys.stderr)
    cache, remotes = surroundings(root)
    wanted = [one for one in locked if stage in (None, one.name)]
    with worktree(commit, root, keep) as site:
        remarks = _line_endings(restore(site.tree, wanted))
        tracked = _set_aside(site, locked)
        result = rebuild(site, locked, cache, remotes, stage)
        sides = Sides(cache_at(cache), cache_at(result.cache), site.tree, tracked)
        names = [item.name for item in result.stages]
        names += [stage] if stage else list(version)
        rows = compare(dict.fromkeys(names), version, result, sides, bounds)
        report = judge(commit, rows, version, result, sides)
        kept = str(site.tree) if keep else None
        machine = _machine(site.tree)
        report = dataclasses.replace(report, remarks=remarks, machine=machine, worktree=kept)
    return _repeated(report, result, stage, locked, root) if twice else report


def _repeated(
    report: Report, result: Rebuilt, stage: str | None, locked: list[Stage], root: Path
) -> Report:
    cache, remotes = surroundings(root)
    with worktree(report.commit, root, keep=False) as site:
        restore(site.tree, [one for one in locked if stage in (None, one.name)])
        again = rebuild(site, locked, cache, remotes, stage)
    first, second = (
        {(out.path, out.md5) for made in one.stages for out in made.outs} for one in (result, again)
    )
    return dataclasses.replace(report, repeated=sorted({path for path, _ in first ^ second}))


def tell(report: Report, as_json: bool) -> None:
    """Print a report as a table and a verdict, or as JSON."""
    if as_json:
        printing.print_json(dataclasses.asdict(report))
        return
    console = printing.console()
    table = Table(title=f"{report.commit[:10]} rebuilt")
    for column in ("stage", "output", "status", "dvc.lock", "rebuilt", ""):
        table.add_column(column, overflow="fold")
    for row in report.rows:
        hashes = row.expected[:8], row.rebuilt[:8]
        table.add_row(row.stage, row.output, row.status, *hashes, row.note)
    console.print(table)
    for line in _summary(report):
        console.print(line, soft_wrap=True)


def _line_endings(paths: list[str]) -> list[str]:
    if not paths:
        return []
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return [
        f"line endings: dvc.lock names {paths[0]}{more} with others than the commit has; rebuilt "
        "with those of dvc.lock (`* -text` in .gitattributes keeps Git from changing them)"
    ]


def _set_aside(site: Worktree, locked: list[Stage]) -> Path:
    # The rebuild overwrites what Git keeps of the outputs.
    folder = site.folder / "tracked"
    for path in (out.path for stage in locked for out in stage.outs):
        if (site.tree / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site.tree / path, folder / path)
    return folder


def _machine(tree: Path) -> str:
    # What trained the model says it best; a rebuild may have stopped before.
    seen = observed.read(tree / TRAINED)
    names = [seen["processor"]["name"], *seen["gpus"]] if seen else [platform.machine()]
    return ", ".join(names)


def _summary(report: Report) -> list[str]:
    lines = [f"verdict: {report.verdict}"]
    if report.first:
        output = f" ({report.output})" if report.output else ""
        lines.append(f"first stage that diverges: {report.first}{output}")
    if weights := report.weights:
        lines.append(f"first tensor that differs: {weights.first}")
        lines.append(f"largest difference: {weights.largest:.3g}, in {weights.where}")
    lines += [f"likely cause: {found.cause}: {found.evidence}" for found in report.findings]
    lines += report.remarks
    if report.repeated is not None:
        apart = ", ".join(report.repeated)
        lines.append(
            f"two rebuilds here differ in {apart}: a stage is not deterministic"
            if apart
            else "two rebuilds here agree byte for byte"
        )
    if report.worktree:
        lines.append(
            f"kept: {report.worktree} (remove: git worktree remove --force {report.worktree})"
        )
    return lines
