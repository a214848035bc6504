"""What was found at a look, as a page."""

from __future__ import annotations

import time
from collections.abc import Callable

from stemma.monitoring.watching.hours import Part
from stemma.monitoring.watching.judging import Finding
from stemma.monitoring.watching.verb import Column, Watch
from stemma.pages.blocks import Bars, Block, Cell, Intervals, Table, Text, Tone
from stemma.pages.numbers import brief, interval, written
from stemma.pages.page import ComparisonPage

_TONES: dict[str, Tone] = {"ok": "better", "drift": "worse", "cannot tell": "muted"}


def page(found: Watch) -> ComparisonPage:
    """Return the page of a look."""
    told = [one for column in found.columns for one in column.findings]
    if found.alarms:
        head = Cell(f"{len(found.alarms)} of {len(told)} features have drifted.", "worse")
    elif any(one.verdict == "ok" for one in told):
        head = Cell("Nothing alarms.", "better")
    else:
        head = Cell("It cannot be told: there are too few requests.", "muted")
    often = f"{found.false_alarms_per_month:g}"
    return ComparisonPage(
        title=f"Watch: {found.columns[0].version}",
        subjects=(
            ("window", f"{_clock(found.since)} to {_clock(found.until)}"),
            *((column.role, f"{column.version}: {column.requests:,} requests")
              for column in found.columns),
        ),
        headline=(head,),
        points=tuple(Cell(one, "worse") for one in found.alarms)
        + tuple(Cell(one, "muted") for one in found.remarks),
        remark=f"A feature alarms if p < {brief(found.level)} and its effect reaches its "
        f"threshold: at most {often} false alarms a month for each version.",
        sections={
            "drift": _drift(found), "traffic": _traffic(found), "latency": _latency(found),
            "feedback": _feedback(found),
        },
        missing={},
    )  # fmt: skip


def _drift(found: Watch) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for column in found.columns:
        rows = tuple(_interval(one) for one in column.findings if one.effect is not None)
        if rows:
            unit = "effect and its 95 % interval, in thresholds: within the band nothing alarms"
            blocks.append(Intervals(column.version, rows, unit))
        blocks.append(
            Table(
                f"{column.version}, in numbers",
                ("feature", "against", "reference", "window", "effect", "95 %", "p", "verdict"),
                tuple(_row(one) for one in column.findings), frozenset(range(2, 7)),
            )
        )  # fmt: skip
    return tuple(blocks)


def _interval(one: Finding) -> tuple[str, float, float, float, Tone]:
    assert one.in_thresholds
    return one.label, *one.in_thresholds, _TONES[one.verdict]


def _row(one: Finding) -> tuple[str | Cell, ...]:
    verdict = Cell(one.verdict, _TONES[one.verdict])
    if one.effect is None or one.p is None:
        return (
            one.label,
            one.against,
            "",
            "",
            "",
            "",
            "",
            Cell(f"{one.verdict}: {one.why}", "muted"),
        )
    ends = ["" if end is None else brief(end) for end in (one.reference, one.window)]
    name = f"{one.label}: {one.why}" if one.why else one.label
    digits = 4 if one.kind == "pairs" else 2
    return (
        name, one.against, *ends, written(one.effect, digits),
        interval(one.low, one.high, digits), brief(one.p), verdict,
    )  # fmt: skip


def _traffic(found: Watch) -> tuple[Block, ...]:
    return tuple(
        Bars(
            column.version, _times(column),
            (("answered", "added", tuple(float(one.requests - one.failures)
                                         for one in column.parts)),
             ("failed", "worse", tuple(float(one.failures) for one in column.parts))),
            "requests",
        )
        for column in found.columns
    )  # fmt: skip


def _latency(found: Watch) -> tuple[Block, ...]:
    kinds: tuple[tuple[str, Callable[[Part], float | None]], ...] = (
        ("seconds per token", lambda one: one.seconds_per_token),
        ("seconds to the first token", lambda one: one.first_token),
    )
    return tuple(
        Bars(f"{column.version}: {name}", _times(column),
             (("median", "added", tuple(map(value, column.parts))),), "seconds")
        for column in found.columns
        for name, value in kinds
    )  # fmt: skip


def _feedback(found: Watch) -> tuple[Block, ...]:
    return tuple(
        Bars(
            column.version, _times(column),
            (("up", "better", tuple(float(one.up) for one in column.parts)),
             ("down", "worse", tuple(float(one.down) for one in column.parts))),
            "thumbs",
        )
        if any(one.up or one.down for one in column.parts)
        else Text(f"Nobody has judged an answer of {column.version} in the window.")
        for column in found.columns
    )  # fmt: skip


def _times(column: Column) -> tuple[str, ...]:
    return tuple(_clock(one.since) for one in column.parts)


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
