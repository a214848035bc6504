"""`stemma versions`: which versions there are, and where they stand."""

import time
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.registry.verbs.versions import Versions


@main.command()
@click.option("--artifact", metavar="NAME", help="The model; default: that of the project.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def versions(artifact: str | None, as_json: bool) -> None:
    """List the registered versions of a model, and the stages on which they stand.

    \b
    exit 0    it can be told what stands where
    exit 1    tags contradict one another
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.registry import versions as verb

    found = verb(artifact)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if found.contradictions:
        raise SystemExit(1)


def _print(found: "Versions") -> None:
    from rich.table import Table
    from rich.text import Text

    from stemma.pages.printing import console

    screen = console()
    table = Table("version", "stands on", "commit", "registered", "by", "remarks", box=None)
    for one in found.versions:
        remarks = Text()
        if one.recalled is not None:
            remarks.append(f"recalled: {one.recalled}", "alarm")
        elif one.signed_by:
            remarks.append("signed", "good")
        if one.digest is None:
            remarks.append("no evidence" if not remarks else ", no evidence", "unknown")
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.time))
        stages = Text(", ".join(one.stages), "bold")
        table.add_row(one.name, stages, one.commit[:7], when, one.by, remarks)
    screen.print(table)
    for one in found.versions:
        for trial in one.trials:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(trial.time))
            screen.print(f"{one.name} was {trial.found} by a server of {trial.stage}, {when}:")
            screen.print(f"  {trial.why}", style="bad")
    for stage, told in found.contradictions.items():
        screen.print(f"It cannot be told what stands on {stage}: {'; '.join(told)}", style="bad")
        screen.print(f"`stemma promote VERSION {stage}` decides it anew.")
