"""`stemma log`: the versions as the tree they are."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main
from stemma.cli.places import VERSION

if TYPE_CHECKING:
    from stemma.versions.verbs.log import LoggedVersion

_NAMES = 3  # in a line; JSON has all
_TONES = {"better": "good", "worse": "bad"}


@main.command()
@click.argument("scope", nargs=-1, metavar="[REV-RANGE]... [PATH]", type=VERSION)
@click.option("--all", "everything", is_flag=True, help="Of all branches and tags.")
@click.option("--experiments", is_flag=True, help="Of DVC's experiments too.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of versions as JSON.")
def log(scope: tuple[str, ...], everything: bool, experiments: bool, as_json: bool) -> None:
    """Show the versions as the tree they are, a line for each, newest first.

    Commit, date, headline metric and its change (green or red where it is significant), bytes
    added (≤ where the cache does not tell), the version that it was tuned from or those that it
    was merged of, whether revoked records taint it, what changed since the parent, names, author
    and subject.

    \b
    stemma log                    the versions of this branch
    stemma log v1..main           those since v1
    stemma log models/trained     those whose models/trained is not that of their parent
    stemma log --all --experiments
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.versions.verbs.log import log as verb

    found = verb(*scope, everything=everything, experiments=experiments)
    for warning in found.warnings:
        print(f"stemma: {warning}", file=sys.stderr)
    if as_json:
        print_json(found.facts())
    else:
        _draw(found.versions)


def _draw(versions: Sequence["LoggedVersion"]) -> None:
    from rich.text import Text

    from stemma.pages.printing import console
    from stemma.streams import say

    texts = []
    for version in versions:
        texts += map(Text, version.graph[:-1])
        texts.append(Text.assemble(*_line(version)))
    screen = console()
    if not screen.is_terminal:
        say("\n".join(text.plain for text in texts))
        return
    for text in texts:
        text.truncate(screen.width, overflow="ellipsis")
    screen.print(Text("\n").join(texts), soft_wrap=True)


def _line(version: "LoggedVersion") -> list[tuple[str, str]]:
    """Return the parts of a version's line, each with its style."""
    from stemma.pages.numbers import written

    names = ""
    if version.refs:
        more = f", +{len(version.refs) - _NAMES}" if len(version.refs) > _NAMES else ""
        names = f"({', '.join(version.refs[:_NAMES])}{more}) "
    bases = ", ".join(base.commit[:7] for base in version.bases)
    measured = version.value is not None
    tone = _TONES.get(version.significant or "", "quiet")
    return [
        (f"{version.graph[-1]} " if version.graph else "", ""),
        (version.commit[:7], "commit"),
        (f" {version.date} ", ""),
        (f"{written(version.value)} " if measured else "", ""),
        (f"{_change(version.difference):8} " if measured else "", tone),
        (f"{_size(version.bytes_added, version.bytes_added_exact):>8} ", "quiet"),
        (f"<- {bases} " if bases else "", "commit"),
        ("of other weights " if version.metrics_match is False else "", "alarm"),
        ("tainted " if version.tainted else "", "alarm"),
        (f"{' '.join(version.stages)} " if version.stages else "", "stage"),
        # Before the names: those of branches on a remote would leave no room for it.
        (f"{_changed(version)} " if version.changed else "", ""),
        (names, "name"),
        (f"{version.author}: {version.subject}", "quiet"),
    ]


def _change(difference: float | None) -> str:
    from stemma.pages.numbers import signed

    said = "" if difference is None else signed(difference)
    return "=" if said and not said.strip("+0.") else said


def _size(size: int, exact: bool) -> str:
    from rich.filesize import decimal

    return f"{'+' if exact else '≤'}{decimal(size)}" if size else ""


def _changed(version: "LoggedVersion") -> str:
    # One setting says more than that there was one.
    parts = [
        paths[0] if kind == "settings" and len(paths) == 1 else kind
        for kind, paths in version.changed.items()
    ]
    return f"[{', '.join(parts)}]"
