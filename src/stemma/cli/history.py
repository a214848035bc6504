"""`stemma history`: what stood on a stage when, and on whose word."""

import time
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.registry.verbs.history import StageHistory
    from stemma.store.registry import Assignment


@main.command()
@click.argument("stage")
@click.option("--at", metavar="DATE", help="What stood there then, such as 2026-03-03.")
@click.option("--artifact", metavar="NAME", help="The model; default: that of the project.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def history(stage: str, at: str | None, artifact: str | None, as_json: bool) -> None:
    """Tell what stood on a stage when, on whose word, and what was known then.

    Of a date, what stood there at its end; a time may follow: 2026-03-03T12:00.

    \b
    stemma history prod
    stemma history prod --at 2026-03-03
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.registry import history as verb

    found = verb(stage, at=at, artifact=artifact)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)


def _print(found: "StageHistory") -> None:
    from rich.table import Table

    from stemma.pages.printing import console

    screen = console()
    if not found.assignments:
        screen.print(f"Nothing stood on {found.stage} of {found.artifact} at that time.")
        return
    table = Table("since", "version", "by", "how", "tag", box=None)
    for one in found.assignments:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.time))
        version = one.version or one.commit[:7]
        if one.version in found.recalled:
            version += " (recalled)"
        table.add_row(when, version, one.by, _how(one), one.tag)
    screen.print(table)


def _how(one: "Assignment") -> str:
    told = one.evidence
    if not told:
        return "past the gates: the tag has no evidence"
    why = f": {told['why']}" if told.get("why") else ""
    if told.get("kind") == "rollback":
        return f"rolled back from {told.get('incumbent')}{why}"
    gates = told.get("gates") or []
    refused = [str(gate.get("gate")) for gate in gates if not gate.get("passed")]
    if told.get("forced"):
        return f"forced past {', '.join(refused)}{why}"
    return f"{len(gates)} gate{'s' * (len(gates) != 1)} passed{why}"
