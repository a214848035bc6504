"""`stemma optimise`: a better next version, searched for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.optimising.report import Report, TrialRow


@main.command()
@click.option("--metric", default="loss", metavar="NAME", help="loss (default) or worst_loss.")
@click.option("--trials", type=click.IntRange(1), help="How many in all; default: the budget's.")
@click.option("--space", default="default", metavar="NAME", help="A file of conf/search/.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the proposals; default: 0.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Workers, through DVC's queue.")
@click.option("--sampler", type=click.Choice(["tpe", "random"]), default="tpe")
@click.option("--name", metavar="STUDY", help="Default: of the space and the commit.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option("--dry-run", is_flag=True, help="Check everything, begin nothing.")
def optimise(
    metric: str,
    trials: int | None,
    space: str,
    seed: int,
    jobs: int,
    sampler: Any,
    name: str | None,
    html: str | None,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Search for settings that make a better next version, on DVC's experiments.

    Trials are compared on the validation split, document by document. The best settings are then
    trained in full and measured on the test split, once: they must not be worse than HEAD. Killed
    and typed again, it goes on.

    \b
    exit 0    the winner passes, or there is none
    exit 1    a gate refuses the winner, or the command is wrong

    \b
    stemma optimise --trials 20 --html search.html
    stemma optimise --space conf/search/wide.yaml --jobs 2 --seed 1
    """  # noqa: D301 (click wants the character, not two)
    from stemma.optimising import optimise as verb
    from stemma.optimising.verb import page
    from stemma.pages.printing import print_json

    with _Progress() as progress:
        found = verb(
            metric, trials, space, seed=seed, jobs=jobs, sampler=sampler, name=name,
            dry_run=dry_run, tell=progress.tell,
        )  # fmt: skip
    if html and not dry_run:
        page(found, Path(html))
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found, dry_run)
    if not found.passed:
        raise SystemExit(1)


class _Progress:
    """A line for each trial that is over, and a bar on a terminal."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(unit="trial", disable=None, leave=False)

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tell(self, told: Any) -> None:
        from stemma.optimising.report import TrialRow
        from stemma.registry.case import Outcome
        from stemma.streams import visible

        if isinstance(told, TrialRow):
            if told.state == "under way":
                at = f" step {told.step}" if told.step is not None else ""
                self._bar.set_postfix_str(f"{told.experiment}{at}")
                return
            self._bar.update()
            self._say(_line(told))
        elif isinstance(told, Outcome):
            self._say(
                f"{'passes' if told.passed else 'REFUSED'} {told.gate}: {visible(told.evidence)}"
            )
        else:
            self._say(f"{told}: the best settings, trained in full")

    def _say(self, line: str) -> None:
        import sys

        self._bar.write(line, file=sys.stderr)


def _line(row: "TrialRow") -> str:
    value = "" if row.value is None else f" {row.value:.4f}"
    at = f" at step {row.step}" if row.state == "ended early" else ""
    why = f": {row.why}" if row.why else ""
    return f"{row.experiment}{value} {row.state}{at}{why}"


def _show(found: "Report", dry_run: bool) -> None:
    from stemma.streams import say

    if dry_run:
        say(
            f"{found.study}: {found.asked} trials by {found.sampler} over {found.space}, seed "
            f"{found.seed}, on {found.commit[:10]}; nothing was begun"
        )
        return
    _table(found)
    say(_verdict(found))
    if found.winner is not None:
        word = "passes" if found.winner.passed else "is refused"
        say(f"{found.winner.experiment}, trained in full, {word}:")
        for one in found.winner.gates:
            say(f"  {one.gate}: {one.evidence}")
        if found.winner.passed:
            say(f"Take it: dvc exp apply {found.winner.experiment}")


def _table(found: "Report") -> None:
    from rich.table import Table

    from stemma.pages.printing import console

    table = Table("trial", found.metric, "state", "settings", box=None, padding=(0, 1, 0, 0))
    first = found.trials[0].settings if found.trials else {}
    for row in found.trials:
        settings = " ".join(
            f"{key.split('.')[-1]}={_short(value)}"
            for key, value in row.settings.items()
            if row.number == 0 or value != first.get(key)
        )
        state = f"{row.state} at {row.step}" if row.state == "ended early" else row.state
        mark = "*" if row.number == found.best else ""
        table.add_row(
            f"{row.number}{mark}", "" if row.value is None else f"{row.value:.4f}", state,
            f"committed: {settings}" if row.number == 0 else settings,
        )  # fmt: skip
    console().print(table)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _verdict(found: "Report") -> str:
    if found.best is None:
        return "No trial is done and within the limits."
    if found.best == 0:
        return "No setting was found that is better than the committed one on the validation split."
    if found.test is None:
        return f"Trial {found.best} is the best; too few documents to test it against trial 0."
    one = found.test
    change = f"{one.best - one.committed:+.4f} ({one.low:+.4f} to {one.high:+.4f})"
    told = (
        f"Trial {found.best} against the committed settings, {one.documents} documents of the "
        f"validation split: {one.committed:.4f} -> {one.best:.4f} nats per token, {change}; "
        f"p = {one.p:.2g}, times the trials {one.corrected:.2g}."
    )
    if one.corrected > 0.05:
        told += f" No difference is shown; {one.smallest:.4f} is the smallest that would have been."
    return told
