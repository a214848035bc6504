"""`stemma approve`: approve a version for a stage that asks for people."""

import click

from stemma.cli.group import main


@main.command()
@click.argument("version")
@click.argument("stage")
@click.option("--as", "who", metavar="NAME", help="In whose name; default: that of Git.")
@click.option("--why", metavar="TEXT", help="A remark.")
@click.option("--push", is_flag=True, help="Fetch tags first, and push the tag.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def approve(
    version: str, stage: str, who: str | None, why: str | None, push: bool, as_json: bool
) -> None:
    """Approve a version for a stage, on the evidence that its gates give now.

    The approval is a tag of its own, and counts for this commit and these bytes alone.

    \b
    stemma approve v1.2.0 prod
    stemma approve v1.2.0 prod --as 'Ada Lovelace' --why 'read 50 answers'
    """  # noqa: D301 (click wants the character, not two)
    from stemma.cli.outcomes import shown
    from stemma.pages.printing import print_json
    from stemma.registry import approve as verb
    from stemma.streams import say

    tell = bool if as_json else shown()
    found = verb(version, stage, who=who, why=why, push=push, tell=tell)
    if as_json:
        print_json(found.as_dict())
        return
    say(f"{found.who} approves {found.name} for {found.stage} ({found.tag})")
    if found.to_push:
        say(f"Others see it after `{found.to_push}`")
