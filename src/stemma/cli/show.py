"""`stemma show`: one page on a version."""

from typing import Any

import click

from stemma.cli.group import main


@main.command()
@click.argument("revision", default=None, required=False, metavar="[REV]")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, nothing shortened.")
def show(revision: str | None, as_json: bool) -> None:
    """Show one page on a version: a commit, tag, branch or experiment; else the working tree.

    What it was made of and where it stands in the tree, its metrics beside baselines, what it
    writes, where its bytes are, and whether it was verified. Nothing is checked out.

    \b
    stemma show                   the working tree, and what to try next
    stemma show v1
    stemma show HEAD~2 --json
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.versions.verbs.show import show as verb

    facts = verb(revision)
    if as_json:
        print_json(facts)
    else:
        draw(facts)
        _draw_standing(facts["registry"])


def _draw_standing(named: list[dict[str, Any]]) -> None:
    if not named:
        return
    from rich.text import Text

    from stemma.pages.printing import console
    from stemma.registry.standing import signature

    screen = console()
    for one in named:
        line = Text(f"{one['name']} stands on {', '.join(one['stages']) or 'no stage'}")
        if one["recalled"] is not None:
            line.append(f"; recalled: {one['recalled']}", "alarm")
        key, unsigned = signature(one)
        if key:
            line.append(f"; signed by {key}", "good")
        elif unsigned:
            line.append(f"; its signature does not hold: {unsigned}", "alarm")
        else:
            line.append("; not signed", "quiet")
        screen.print(line, soft_wrap=True)


def draw(facts: dict[str, Any]) -> None:
    """Print the page on a version."""
    from stemma.pages import version
    from stemma.versions.facts.suggestions import suggestions
    from stemma.versions.verbs.show import labels, warnings

    # Of another version nothing can be tried before it is checked out.
    next_steps = [] if facts["commit"] else suggestions(facts["settings"])
    version.show(facts, labels(facts), warnings(facts), next_steps)
