"""`stemma verify`: rebuild a version and compare."""

import click

from stemma.cli.group import main


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
    default=0.01,
    show_default=True,
    help="`equivalent`: relative difference of every number in reports/metrics.json.",
)
@click.option(
    "--weight-bound",
    type=click.FloatRange(min=0),
    default=0.05,
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
    from stemma.versions.verbs import verify as verb
    from stemma.versions.verification import notes
    from stemma.versions.verification.rows import Bounds

    bounds = Bounds(metric_bound, weight_bound)
    report = verb.verify(revision, stage, keep, bounds, twice)
    verb.tell(report, as_json)
    if stage is None:
        notes.keep(report, bounds)
    if report.verdict != "exact" and not (tolerance and report.verdict == "equivalent"):
        raise SystemExit(1)
