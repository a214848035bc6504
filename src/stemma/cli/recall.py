"""`stemma recall`: nobody is to use a version ever again."""

import click

from stemma.cli.group import main


@main.command()
@click.argument("version")
@click.option("--why", metavar="TEXT", required=True, help="The reason; it is recorded.")
@click.option("--push", is_flag=True, help="Fetch tags first, and push the tag.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def recall(version: str, why: str, push: bool, as_json: bool) -> None:
    """Recall a version: nobody is to use it, or what descends from it, ever again.

    `fetch`, `promote` and servers refuse it, and so do the gates for every version that was trained
    on from its weights. A stage on which it stands is told: roll it back.

    \b
    stemma recall v1.1.0 --why 'trained on withdrawn data' --push
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.registry import recall as verb
    from stemma.streams import say

    found = verb(version, why, push=push)
    if as_json:
        print_json(found.as_dict())
        return
    say(f"Recalled {found.name}: {found.why}")
    for stage in found.stands_on:
        say(f"  it stands on {stage} now: `stemma rollback {stage}` takes what stood there before")
    for stage in found.stood_on:
        say(f"  it stood on {stage} before: who fetched it then may have it still")
    if found.to_push:
        say(f"Others see it after `{found.to_push}`")
