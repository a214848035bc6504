"""`stemma gates`: what the gates say of a version, without a decision."""

import click

from stemma.cli.group import main


@main.command()
@click.argument("version", required=False)
@click.option("--stage", default="", metavar="S", help="Whose gates; default: of all stages.")
@click.option("--tag", metavar="TAG", help="Of an assignment, such as lm#prod#3.")
@click.option("--list", "listed", is_flag=True, help="List the gates that there are.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def gates(version: str | None, stage: str, tag: str | None, listed: bool, as_json: bool) -> None:
    """Say what the gates find about a version, and write nothing: for CI and for hooks.

    \b
    exit 0    all let it pass
    exit 1    one refuses, or the command is wrong

    \b
    stemma gates v1.2.0 --stage prod
    stemma gates --tag 'lm#prod#3'
    """  # noqa: D301 (click wants the character, not two)
    from stemma.cli.outcomes import refused, shown
    from stemma.pages.printing import print_json
    from stemma.registry import gates as verb
    from stemma.streams import say

    if listed:
        _list(as_json)
        return
    found = verb(version, stage, tag=tag, tell=bool if as_json else shown())
    if as_json:
        print_json(found.as_dict())
    else:
        beside = f" beside {found.incumbent}" if found.incumbent else ""
        where = f" for {found.stage}" if found.stage else ""
        end = "all gates let it pass" if found.passed else f"refused by {refused(found.gates)}"
        say(f"{found.name}{where}{beside}: {end}")
    if not found.passed:
        raise SystemExit(1)


def _list(as_json: bool) -> None:
    from rich.table import Table

    from stemma.pages.printing import console, print_json
    from stemma.registry.criteria import described

    found = described()
    if as_json:
        print_json(found)
        return
    table = Table("gate", "what it asks", box=None)
    for name, asks in found.items():
        table.add_row(name, asks)
    console().print(table)
