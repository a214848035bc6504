"""`stemma verify`: rebuild a version and compare."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from stemma import extras, pipeline
from stemma.cli.group import main
from stemma.store.errors import ProjectError
from stemma.versions.verification.bounds import DEFAULT, Bounds

if TYPE_CHECKING:
    from stemma.versions.verification.verdict import Verification


@main.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--stage", metavar="NAME", help="Only this stage, on inputs from the cache.")
@click.option("--twice", is_flag=True, help="Do two rebuilds here agree? Takes twice as long.")
@click.option("--keep", is_flag=True, help="Keep the worktree with the rebuild; print its path.")
@click.option("--json", "as_json", is_flag=True, help="Print rows and verdict as JSON.")
@click.option("--tolerance", is_flag=True, help="Exit 0 also for `equivalent`.")
@click.option(
    "--metric-bound",
    type=click.FloatRange(min=0),
    default=DEFAULT.metric,
    show_default=True,
    help="`equivalent`: relative difference of every number in reports/metrics.json.",
)
@click.option(
    "--weight-bound",
    type=click.FloatRange(min=0),
    default=DEFAULT.weight,
    show_default=True,
    help="`equivalent`: difference of every tensor, relative to its Euclidean norm.",
)
def verify(
    revision: str,
    stage: str | None,
    twice: bool,
    keep: bool,
    as_json: bool,
    tolerance: bool,
    metric_bound: float,
    weight_bound: float,
) -> None:
    """Rebuild a version from its raw sources and compare it with its dvc.lock.

    In a clean worktree of REV (default: HEAD), with an empty DVC cache and no run cache.

    \b
    exact        every byte is the same: exit 0
    equivalent   weights and metrics are inside the bounds: exit 0 with --tolerance
    different    the first stage that diverges, how far, and the likely cause: exit 1

    The verdict on a whole version is kept in a Git note, for `stemma show REV`.
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.versions.verbs import verify as verb

    _need_what_stages_need()
    bounds = Bounds(metric_bound, weight_bound)
    found = verb.verify(revision, stage, bounds, keep, twice, tell=_progress)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if stage is None:
        verb.keep(found, bounds)
    if found.verdict != "exact" and not (tolerance and found.verdict == "equivalent"):
        raise SystemExit(1)


def _need_what_stages_need() -> None:
    absent = extras.absent("make")
    ours = pipeline.PIPELINE.exists() and "stemma.stages" in pipeline.PIPELINE.read_text(
        encoding="utf-8"
    )
    if absent and ours:
        raise ProjectError(f"to rebuild it needs {', '.join(absent)}", extras.install("make"))


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print(found: "Verification") -> None:
    from rich.table import Table

    from stemma.pages import printing

    table = Table(title=f"{found.commit[:10]} rebuilt")
    for column in ("stage", "output", "status", "dvc.lock", "rebuilt", ""):
        table.add_column(column, overflow="fold")
    for row in found.rows:
        hashes = row.expected[:8], row.rebuilt[:8]
        table.add_row(row.stage, row.output, row.status, *hashes, row.note)
    console = printing.console()
    console.print(table)
    for line in _lines(found):
        console.print(line, soft_wrap=True)


def _lines(found: "Verification") -> Iterator[str]:
    yield f"verdict: {found.verdict}"
    if found.first:
        output = f" ({found.output})" if found.output else ""
        yield f"first stage that diverges: {found.first}{output}"
    if weights := found.weights:
        yield f"first tensor that differs: {weights.first}"
        yield f"largest difference: {weights.largest:.3g}, in {weights.where}"
    yield from (f"likely cause: {cause.cause}: {cause.evidence}" for cause in found.findings)
    yield from found.remarks
    if found.repeated:
        apart = ", ".join(found.repeated)
        yield f"two rebuilds here differ in {apart}: a stage is not deterministic"
    elif found.repeated is not None:
        yield "two rebuilds here agree byte for byte"
    if found.worktree:
        yield f"kept: {found.worktree} (remove: git worktree remove --force {found.worktree})"
