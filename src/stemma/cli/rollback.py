"""`stemma rollback`: put back on a stage what stood there before."""

import click

from stemma.cli.group import main


@main.command()
@click.argument("stage")
@click.option("--to", metavar="VERSION", help="A version that stood there; default: the last one.")
@click.option("--why", metavar="TEXT", help="The reason.")
@click.option("--artifact", metavar="NAME", help="The model; default: that of the project.")
@click.option("--push", is_flag=True, help="Fetch tags first, and push the tag.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def rollback(
    stage: str, to: str | None, why: str | None, artifact: str | None, push: bool, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Put back on a stage what stood there before: one command, one tag.

    No tag is deleted: a roll-back is a new assignment, which GTO and DVC read as such. Gates are
    not asked again. A version that is recalled, or that came past the gates, is not gone back to.

    \b
    stemma rollback prod --why 'answers in capitals' --push
    stemma rollback prod --to v1.0.0
    """  # noqa: D301 (click wants the character, not two)
    from stemma.cli.promote import lines
    from stemma.pages.printing import print_json
    from stemma.registry import rollback as verb
    from stemma.streams import say

    found = verb(stage, to=to, why=why, artifact=artifact, push=push, dry_run=dry_run)
    if as_json:
        print_json(found.as_dict())
    else:
        say("\n".join(lines(found, dry_run, push)))
