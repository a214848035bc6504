"""Verbs that prove and keep versions."""

from pathlib import Path

import click

from stemma.cli.group import main

_SOUND = {True: 0, False: 1, None: 3}


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


@main.command()
@click.option("--remote", metavar="NAME", help="Check this remote too.")
@click.option("--repair", is_flag=True, help="Mend cache and remote from each other.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def fsck(remote: str | None, repair: bool, as_json: bool) -> None:
    """Check that every object of every version is present and hashes to its name.

    Reads all that a tag, a branch, an experiment or their history refers to. docs/faults.md says
    what each state means.

    \b
    exit 0   every object was read and is sound
    exit 1   an object is damaged or missing
    exit 3   what was read is sound, and not all was: nothing is known of what is elsewhere
    """  # noqa: D301 (click wants the character, not two)
    from stemma.versions.verbs import fsck as verb

    if repair and not remote:
        raise click.UsageError("--repair needs --remote NAME: the side to mend from")
    raise SystemExit(_SOUND[verb.fsck(remote, repair, as_json)])


@main.command()
@click.option("--unpushed", is_flag=True, help="Also what no remote has a copy of.")
@click.option(
    "--projects",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="PATH",
    help="Keep what this project needs too, which uses the same cache; repeatable.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def gc(unpushed: bool, projects: tuple[Path, ...], yes: bool, as_json: bool) -> None:
    """Delete from the cache what no version refers to; show it and ask first.

    Kept: all that a tag, a branch, an experiment, their history, Git's reflogs or the working tree
    of any of Git's worktrees refers to, and all that the default remote does not have. A cache
    outside of the project may hold the only copy of what others made: --unpushed wants them named.
    """
    from stemma.versions.verbs import gc as verb

    verb.gc(unpushed, yes, as_json, projects)
