"""`stemma update`: make the next version of what production taught, and let the gates judge it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.updating.update import Update


@main.command()
@click.option("--stage", default="prod", show_default=True, help="Whose version is to be bettered.")
@click.option(
    "--rules", default="default", show_default=True, metavar="NAME", help="conf/update/NAME.yaml."
)
@click.option("--artifact", metavar="NAME", help="The model, where the project has several.")
@click.option("--promote", "promoted", is_flag=True, help="Go on to the stage, if all gates agree.")
@click.option("--again", is_flag=True, help="Also from what a refused candidate had learnt from.")
@click.option("--dry-run", is_flag=True, help="Only say what would be learnt from.")
@click.option("--abandon", is_flag=True, help="Give up an update that did not come to its end.")
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write the report there, as Markdown."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def update(
    stage: str, rules: str, artifact: str | None, promoted: bool, again: bool, dry_run: bool,
    abandon: bool, report: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Make the next version of what the one in production was asked and told.

    Chooses records by the rules of conf/update/: only with consent, masked, new to the version, and
    nothing that stands in what it is judged by. They become a new version of data/input/production,
    the version in production becomes the base, the pipeline runs on a branch in a worktree of its
    own, both versions are measured on the same new test split, and the gates are asked. What they
    let pass is registered; what stands on a stage changes by --promote alone.

    Killed at any time it goes on where it stopped. Safe in cron and CI: one at a time, and your
    working tree is not touched.

    \b
    exit 0    a candidate is proposed (or promoted), or there is too little to learn from
    exit 1    a gate refuses the candidate, or something stops the update

    \b
    stemma update --dry-run
    stemma update --report report.md
    stemma update --promote
    """  # noqa: D301 (click wants the character, not two)
    from stemma.cli.outcomes import shown
    from stemma.pages.printing import print_json
    from stemma.streams import say
    from stemma.updating import abandon as give_up
    from stemma.updating import update as verb
    from stemma.updating.report import markdown

    if abandon:
        branch = give_up()
        say(f"{branch} is given up" if branch else "there is no update to give up")
        return
    done = verb(
        stage, rules=rules, artifact=artifact, promoted=promoted, again=again, dry_run=dry_run,
        tell=lambda line: say(line, err=True), tell_gate=bool if as_json else shown(),
    )  # fmt: skip
    if report is not None:
        from stemma.files import atomic_file

        with atomic_file(report, "w") as handle:
            handle.write(markdown(done))
    if as_json:
        print_json(done.as_dict())
    else:
        say("\n".join(lines(done, dry_run)))
    if done.refused:
        raise SystemExit(1)


def lines(done: "Update", dry_run: bool) -> list[str]:
    """Return what is said of an update."""
    from stemma.cli.outcomes import refused
    from stemma.updating.report import differences

    chosen = done.selection
    told = [
        f"{done.incumbent} on {done.stage}: there is something to learn from {chosen.requests} of "
        f"{chosen.asked} requests"
    ]
    told += [f"  {count:>6} left out: {why}" for why, count in chosen.left_out.items()]
    if done.branch is None:
        return told if dry_run else [*told, "Too few for a new version (`fewest` in conf/update/)."]
    told += [f"  {line}" for line in differences(done)]
    told.append(f"candidate {done.branch} at {(done.commit or '')[:10]}")
    if done.version is None:
        told.append(f"REFUSED by {refused(done.gates)}: {done.stage} stays with {done.incumbent}")
        return told
    told.append(f"registered as {done.version}")
    for one in done.decisions:
        stands = f"{done.version} stands on {one.stage}"
        told.append(stands if one.allowed else f"REFUSED on {one.stage} by {refused(one.gates)}")
    if not done.decisions:
        told.append(f"Look: `stemma diff {done.incumbent} {done.version}`; then `stemma promote`.")
    return told
