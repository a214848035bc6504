"""`stemma gc`: delete what no version refers to."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from rich.table import Table

    from stemma.versions.verbs.gc import GarbagePlan

_ROWS = 10  # the largest objects; --json has all


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
    from stemma.pages.printing import print_json
    from stemma.versions.verbs.gc import holding

    with holding(unpushed, projects) as held:
        if as_json:
            print_json((held.delete() if yes else held.plan).as_dict())
            return
        _print(held.plan)
        if held.plan.objects and (yes or click.confirm("Delete them?", err=True)):
            held.delete()


def _print(plan: "GarbagePlan") -> None:
    from stemma.pages import printing

    console = printing.console()
    if plan.objects:
        size = sum(plan.objects.values()) / 1e6
        console.print(_table(plan))
        console.print(f"{len(plan.objects)} objects, {size:,.1f} MB, can go")
    else:
        console.print("nothing to delete")
    if plan.unpushed:
        console.print(
            f"{plan.unpushed} objects that no version refers to stay: the default remote does not "
            "have them (--unpushed lets them go)"
        )


def _table(plan: "GarbagePlan") -> "Table":
    from rich.table import Table

    table = Table()
    table.add_column("object")
    table.add_column("bytes", justify="right")
    table.add_column("was", overflow="fold")
    largest = sorted(plan.objects.items(), key=lambda item: (-item[1], item[0]))
    for key, size in largest[:_ROWS]:
        table.add_row(key[:8], f"{size:,}", plan.names.get(key, ""))
    if len(largest) > _ROWS:
        rest = largest[_ROWS:]
        table.add_row("…", f"{sum(size for _, size in rest):,}", f"{len(rest)} smaller ones")
    return table
