"""`stemma gc`: delete what no version refers to."""

from pathlib import Path

import click

from stemma.cli.group import main


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
