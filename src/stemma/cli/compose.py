"""`stemma compose`: conf/ into params.yaml."""

import os

import click

from stemma.cli.group import main
from stemma.streams import say


@main.command()
@click.argument("overrides", nargs=-1, metavar="[OVERRIDE]...")
@click.option("--reset", is_flag=True, help="Forget the overrides that params.yaml was made with.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if params.yaml has drifted.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def compose(overrides: tuple[str, ...], reset: bool, check: bool, as_json: bool) -> None:
    """Compose conf/ into params.yaml, as the pipeline does.

    Overrides in force (from `dvc exp run -S` or an earlier compose) are kept, unless --reset.

    \b
    stemma compose                             take up an edit of conf/
    stemma compose train.learning_rate=0.001   change one setting
    stemma compose experiment=gpt2_shakespeare choose a recipe
    stemma compose --reset                     go back to what conf/ says
    stemma compose --check                     has params.yaml drifted from conf/?
    """  # noqa: D301 (click wants the character, not two)
    from stemma import composition
    from stemma.pages.printing import print_json

    if check and (overrides or reset):
        raise click.UsageError("--check takes no overrides and no --reset")
    if check:
        changes = composition.differences()
    else:
        # DVC tells the commands that it runs which stage they are.
        changes = composition.write(
            composition.recompose(overrides, reset=reset), by_dvc="DVC_STAGE" in os.environ
        )
    if as_json:
        print_json({"drifted" if check else "changed": changes})
    else:
        _tell_changes(changes, check)
    if check and changes:
        raise SystemExit(1)


def _tell_changes(changes: list[str], check: bool) -> None:
    for line in changes:
        say(line)
    if check:
        say(
            "params.yaml has drifted from conf/; type `stemma compose` or `dvc repro`"
            if changes
            else "params.yaml is what conf/ composes to"
        )
    elif not changes:
        say("params.yaml is written; no value changed")
