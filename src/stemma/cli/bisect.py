"""`stemma bisect`: the first version that made a metric worse."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.versions.bisection.trial import Judgement
    from stemma.versions.history.records import Record
    from stemma.versions.verbs.bisect import Bisection

_CODES = {"found": 0, "not worse": 3}
_SHOWN = 4
_SUBJECT = 16  # characters: a line of 80 has to hold the numbers first


@main.command()
@click.option("--metric", required=True, metavar="NAME", help="As in reports/metrics.json.")
@click.option("--good", required=True, metavar="A", help="A version from before.")
@click.option("--bad", required=True, metavar="B", help="One that descends from it.")
@click.option("--no-rebuild", is_flag=True, help="Measure none whose metrics Git does not hold.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def bisect(metric: str, good: str, bad: str, no_rebuild: bool, as_json: bool) -> None:
    """Find the first version from A to B that made a metric worse.

    Versions are compared with A, paired by document, and halved as `git bisect` does: all that B
    descends from and A does not, branches that were merged included. What is worse is taken to stay
    worse. Metrics come from Git; where there are none, `dvc repro evaluate` measures the version in
    a temporary worktree. A version that cannot be compared, or whose test might well have missed
    what B lost, is passed over.

    \b
    exit 0   the first worse version is found
    exit 1   an error, or it cannot be told: B cannot be compared, or it is one of several
    exit 3   B is not worse than A
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.versions.verbs.bisect import bisect as find

    found = find(metric, good, bad, rebuild=not no_rebuild, tell=_tell)
    if as_json:
        print_json(found.facts())
    else:
        _print(found)
    raise SystemExit(_CODES.get(found.status, 1))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print(found: Bisection) -> None:
    """Print the versions that were judged, and the answer."""
    from rich.table import Table

    from stemma.pages import printing
    from stemma.pages.colours import TERMINAL, UNKNOWN
    from stemma.pages.numbers import written
    from stemma.statistics.significance import CONFIDENCE
    from stemma.versions.contents import metrics

    styles = {"worse": TERMINAL["worse"], "not worse": TERMINAL["better"], "cannot tell": UNKNOWN}
    label = metrics.metric(found.metric).label
    table = Table("version", label, "change", f"{CONFIDENCE} interval", "", box=None)
    table.add_column("subject", no_wrap=True, overflow="ellipsis", max_width=_SUBJECT)
    for index in (0, 2, 3):
        table.columns[index].no_wrap = True
    for record, judged in found.judged.values():
        table.add_row(*_row(record, judged), record.subject, style=styles[judged.verdict])
    table.add_row(found.good[:7], written(found.value), "", "", "good")
    console = printing.console()
    console.print(table)
    for line in (*_remarks(found), *_answer(found, label)):
        console.print(line, soft_wrap=True)


def _row(record: Record, judged: Judgement) -> tuple[str, ...]:
    from stemma.pages.numbers import interval, signed, written

    one = judged.difference
    change = (
        ("", "") if one is None else (signed(one.b - one.a), interval(one.low, one.high, sign="+"))
    )
    why = f": {judged.why}" if judged.why else ""
    rebuilt = " (measured again)" if judged.rebuilt else ""
    return record.commit[:7], written(judged.value), *change, f"{judged.verdict}{why}{rebuilt}"


def _remarks(found: Bisection) -> list[str]:
    count = len(found.judged)
    tests = (
        f"Each compared with {found.good[:7]}, paired by document, at {found.level:.2%}: "
        f"{count} test{'s' * (count > 1)}."
    )
    branch = (
        f"{found.left_out} versions of older branches are left out: what they come from cannot be "
        f"said to be as good as {found.good[:7]}."
    )
    return [tests, *([branch] if found.left_out else [])]


def _answer(found: Bisection, label: str) -> list[str]:
    from stemma.pages.numbers import written

    newest, judged = next(iter(found.judged.values()))
    if found.status == "not worse":
        least = written(judged.smallest)
        unseen = f" (less than {least} would not have shown)" if judged.smallest else ""
        return [f"{label} is not worse in {newest.commit[:7]}: there is nothing to find{unseen}."]
    if found.status == "cannot tell":
        return [f"Cannot tell whether {label} is worse in {newest.commit[:7]}: {judged.why}."]
    if found.status == "one of several":
        names = ", ".join(record.commit[:7] for record in found.first)
        return [
            f"The first version with a worse {label} is one of these {len(found.first)}: {names}."
        ]
    (first,) = found.first
    lines = [f"The first version with a worse {label} is {first.commit[:7]}: {first.subject}"]
    for parent, changed in found.since.items():
        told = "; ".join(f"{kind} ({_some(names)})" for kind, names in changed.items())
        lines.append(f"Since {parent[:7]} it changed: {told or 'nothing that dvc.lock names'}")
        lines.append(f"See `stemma diff {parent[:7]} {first.commit[:7]}`.")
    return lines


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f", and {len(names) - _SHOWN} more" * (len(names) > _SHOWN))
