"""`stemma compose`: conf/ into params.yaml."""

import click

from stemma.cli.group import main
from stemma.layout import CODE
from stemma.streams import say


@main.command()
@click.argument("overrides", nargs=-1, metavar="[OVERRIDE]...")
@click.option("--reset", is_flag=True, help="Forget the overrides that params.yaml was made with.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if either has drifted.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def compose(overrides: tuple[str, ...], reset: bool, check: bool, as_json: bool) -> None:
    """Compose conf/ into params.yaml, and the code into code.lock, as the pipeline does.

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
        changes = composition.write(composition.recompose(overrides, reset=reset))
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
        code = sum(line.startswith(f"{CODE}: ") for line in changes)
        drifted = [
            *(["params.yaml has drifted from conf/"] if len(changes) > code else []),
            *([f"{CODE} has drifted from the code"] if code else []),
        ]
        advice = "type `stemma compose` or `dvc repro`"
        fresh = f"params.yaml is what conf/ composes to, and {CODE} what the code is"
        say(f"{', and '.join(drifted)}; {advice}" if drifted else fresh)
    elif not changes:
        say("params.yaml is written; no value changed")
