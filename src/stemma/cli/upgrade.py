"""`stemma upgrade`: the template of another Stemma, merged into a project."""

from typing import TYPE_CHECKING

import click

from stemma.cli.group import main
from stemma.streams import say

if TYPE_CHECKING:
    from stemma.starting.upgrading import Upgraded

_LETTERS = {"A": "new", "M": "changed", "D": "gone"}


@main.command()
@click.option("--dry-run", is_flag=True, help="Change nothing; show what differs in the template.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def upgrade(dry_run: bool, as_json: bool) -> None:
    """Merge what the installed Stemma's template has changed.

    Type it after `pip install -U stemma-lm`. It makes a branch and merges there, three ways: what
    you changed stays, and where both changed the same lines Git marks a conflict.

    Exit code 1: there are conflicts to be mended.

    \b
    stemma upgrade --dry-run                  which files differ
    stemma upgrade                            merge them, on a branch
    """  # noqa: D301 (click wants the character, not two)
    import dataclasses
    import sys

    from stemma.pages.printing import print_json
    from stemma.starting.upgrading import upgrade as run

    done = run(dry_run=dry_run)
    if as_json:
        print_json(dataclasses.asdict(done))
    else:
        for path, letter in done.files.items():
            say(f"{_LETTERS.get(letter, letter):8}  {path}")
        say(_told(done, dry_run))
    if done.conflicts:
        sys.exit(1)


def _told(done: "Upgraded", dry_run: bool) -> str:
    if not done.files:
        return f"the template of Stemma {done.after} is what the project has: nothing to merge"
    if dry_run:
        return f"nothing is changed: these would be merged, of Stemma {done.after}"
    if done.conflicts:
        return (
            f"conflicts, marked, in {', '.join(done.conflicts)}: mend them, then `git add` and "
            "`git commit`; or `git merge --abort`"
        )
    return (
        f"merged on the branch {done.branch}; type `dvc repro`, and `git switch -` and "
        f"`git merge {done.branch}` if all is well"
    )
