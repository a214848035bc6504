"""`stemma show`: one page on a version."""

import click

from stemma.cli.group import main


@main.command()
@click.argument("revision", default=None, required=False, metavar="[REV]")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, nothing shortened.")
def show(revision: str | None, as_json: bool) -> None:
    """Show one page on a version: a commit, tag, branch or experiment; else the working tree.

    What it was made of and where it stands in the tree, its figures beside baselines, what it
    writes, where its bytes are, and whether it was verified. Nothing is checked out.

    \b
    stemma show                   the working tree, and what to try next
    stemma show v1
    stemma show HEAD~2 --json
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages import version
    from stemma.pages.printing import print_json
    from stemma.store.version import resolve
    from stemma.versions.verbs.show import facts_of

    found = facts_of(resolve(revision))
    if as_json:
        print_json(found)
    else:
        version.show(found)
