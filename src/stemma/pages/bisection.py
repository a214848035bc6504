"""What a bisection found, for a reader and for a script."""

import dataclasses
from typing import Any

from rich.table import Table

from stemma.pages import printing
from stemma.pages.numbers import figure, interval, signed
from stemma.versions.bisection.trial import Judged
from stemma.versions.contents.metrics import metric
from stemma.versions.history.records import Record
from stemma.versions.verbs.bisect import Bisection

_STYLES = {"worse": "red", "not worse": "green", "cannot tell": "yellow"}
_SHOWN = 4
_SUBJECT = 16  # characters: a line of 80 holds the figures first


def tell(found: Bisection, as_json: bool) -> None:
    """Print the versions that were judged and the answer."""
    if as_json:
        printing.print_json(_facts(found))
        return
    console = printing.console()
    label = metric(found.name).label
    table = Table("version", label, "change", "95 % interval", "", box=None)
    table.add_column("subject", no_wrap=True, overflow="ellipsis", max_width=_SUBJECT)
    for index in (0, 2, 3):
        table.columns[index].no_wrap = True
    for record, judged in found.judged.values():
        table.add_row(*_row(record, judged), record.subject, style=_STYLES[judged.verdict])
    table.add_row(found.good[:7], figure(found.value), "", "", "good")
    console.print(table)
    for line in (*_remarks(found), *_answer(found)):
        console.print(line, soft_wrap=True)


def _row(record: Record, judged: Judged) -> tuple[str, ...]:
    one = judged.difference
    figures = (
        ("", "") if one is None else (signed(one.b - one.a), interval(one.low, one.high, sign="+"))
    )
    why = f": {judged.why}" if judged.why else ""
    rebuilt = " (measured again)" if judged.rebuilt else ""
    return record.commit[:7], figure(judged.value), *figures, f"{judged.verdict}{why}{rebuilt}"


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


def _answer(found: Bisection) -> list[str]:
    label = metric(found.name).label
    newest, judged = next(iter(found.judged.values()))
    if found.status == "not worse":
        least = figure(judged.smallest)
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


def _facts(found: Bisection) -> dict[str, Any]:
    return {
        "metric": found.name,
        "better": metric(found.name).better,
        "status": found.status,
        "good": {"commit": found.good, "value": found.value},
        "first": [record.commit for record in found.first],
        "changed": found.since,
        "judged": [
            {"commit": record.commit, "subject": record.subject, **dataclasses.asdict(judged)}
            for record, judged in found.judged.values()
        ],
        "left_out": found.left_out,
        "level": found.level,
    }
