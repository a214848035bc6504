"""`stemma watch`: whether what a version sees, and how it does, is still as it was."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stemma.cli.group import main
from stemma.files import atomic_file

if TYPE_CHECKING:
    from stemma.monitoring.watching.judging import Finding
    from stemma.monitoring.watching.verb import Watch

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class _Duration(click.ParamType):
    """Such as 10m or 24h, to seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value))
        if not found or not float(found[1]):
            self.fail(f"'{value}' is no time such as 10m, 24h or 7d", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


@main.command()
@click.option("--stage", default="prod", show_default=True, help="On which the version stands.")
@click.option("--version", metavar="NAME", help="Another version, or the name of a served folder.")
@click.option("--window", type=_Duration(), default="24h", show_default=True, help="To look at.")
@click.option(
    "--against",
    type=click.Choice(["evaluation", "first"]),
    default="evaluation",
    show_default=True,
    help="What evaluation kept, or the version's first requests.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write one HTML page that opens offline.",
)
@click.option("--every", type=_Duration(), help="Look again and again, so far apart.")
@click.option("--port", type=click.IntRange(0, 65535), help="Serve a page that refreshes itself.")
def watch(
    stage: str, version: str | None, window: float, against: Any, as_json: bool,
    html: Path | None, every: float | None, port: int | None,
) -> None:  # fmt: skip
    """Compare the requests of a version with its reference, and say what has drifted.

    The window ends at the last full ten minutes (or --every): to look more often is no further
    test, and how often it alarms for nothing is bounded per month.

    \b
    stemma watch
    stemma watch --against first --window 7d
    stemma watch --every 10m --port 8001

    \b
    exit 0    nothing alarms; also where it cannot be told
    exit 1    something has drifted
    """  # noqa: D301 (click wants the character, not two)
    if as_json and (html or every):
        raise click.UsageError("choose one of --json, --html and --every")
    if port is not None and every is None:
        raise click.UsageError("--port asks for --every")
    from stemma.monitoring.watching.verb import EVERY
    from stemma.monitoring.watching.verb import watch as verb

    def look() -> "Watch":
        return verb(stage, version, window, against, every or EVERY)

    if every is not None:
        _again(look, every, html, port)
        return
    found = look()
    if as_json:
        from stemma.pages.printing import print_json

        print_json(found.facts())
    else:
        if html:
            _write(found, html)
        _print(found)
    if found.alarms:
        raise SystemExit(1)


def _write(found: "Watch", path: Path) -> None:
    from stemma.monitoring.watching.page import page
    from stemma.pages.html import html as draw

    with atomic_file(path) as handle:
        handle.write(draw(page(found)).encode(errors="replace"))


def _again(look: Any, every: float, html: Path | None, port: int | None) -> None:
    from stemma.errors import StemmaError
    from stemma.monitoring.watching import live
    from stemma.streams import say

    with live.served(port, every) as told:
        if told.url:
            say(f"Page {told.url}/, metrics {told.url}/metrics; Ctrl-C ends")
        for _ in _grid(every):
            try:
                found = look()
            except StemmaError as error:
                # The next look may find a server that has begun to record, or a whole file.
                told.failed(str(error))
                say(f"{_time(time.time())}  cannot look: {error}")
                continue
            told.show(found)
            if html:
                _write(found, html)
            say(f"{_time(found.until)}  {_line(found)}")


def _grid(every: float) -> Iterator[None]:
    while True:
        yield
        time.sleep(every - time.time() % every)


def _line(found: "Watch") -> str:
    if found.alarms:
        return f"ALARM: {' | '.join(found.alarms)}"
    told = sum(one.verdict == "ok" for column in found.columns for one in column.findings)
    return f"calm: {told} features compared" if told else "cannot tell: too few requests"


def _print(found: "Watch") -> None:
    from rich.table import Table
    from rich.text import Text

    from stemma.pages.colours import UNKNOWN
    from stemma.pages.printing import console

    screen = console()
    styles = {"ok": "good", "drift": "alarm", "cannot tell": UNKNOWN}
    for column in found.columns:
        screen.print(
            Text.assemble(
                (column.version, "name"), f" ({column.role}), {column.requests:,} requests from "
                f"{_time(found.since)} to {_time(found.until)}",
            )
        )  # fmt: skip
        table = Table("feature", box=None, pad_edge=False)
        for name in ("reference", "window", "effect", "95 %", "p"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("verdict")
        for one in column.findings:
            star = "*" if one.against == "first" else ""
            table.add_row(one.label + star, *_row(one), Text(one.verdict, styles[one.verdict]))
        screen.print(table)
    screen.print("* compared with the first requests of the version, others with its evaluation")
    for one in found.remarks:
        screen.print(one, style=UNKNOWN)
    for one in found.alarms:
        screen.print(one, style="alarm")
    if not found.alarms:
        screen.print(_line(found))


def _row(one: "Finding") -> list[str]:
    from stemma.pages.numbers import brief, interval, written

    if one.effect is None or one.p is None:
        return ["", "", "", one.why, ""]
    digits = 3 if one.feature == "probes" else 2
    label = f"{one.why} " if one.why else ""
    ends = [("" if end is None else brief(end)) for end in (one.reference, one.window)]
    return [
        label + ends[0], ends[1], written(one.effect, digits),
        interval(one.low, one.high, digits), brief(one.p),
    ]  # fmt: skip


def _time(seconds: float) -> str:
    return time.strftime("%m-%d %H:%M", time.localtime(seconds))
