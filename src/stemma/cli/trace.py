"""`stemma trace`: which versions were trained on a document."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main
from stemma.cli.places import FILE

if TYPE_CHECKING:
    from stemma.versions.tracing.descendants import Trace
    from stemma.versions.tracing.matching import How, Match

_HOW: dict["How", str] = {
    "id": "this id",
    "text": "the same text",
    "cluster": "in a cluster of duplicates with it",
    "similar": "a similar text",
}
_ROWS = 3  # of a manifest that are shown; JSON has all


@main.command()
@click.option("--text", metavar="T", help="Of a document, as it stands in data/raw.")
@click.option("--file", "path", metavar="F", type=FILE, help="A file with such a text, in UTF-8.")
@click.option("--id", "identifier", metavar="I", help="Of a document.")
@click.option("--hash", "sha256", metavar="H", help="SHA-256 of a normalised text.")
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
def trace(
    text: str | None, path: str | None, identifier: str | None, sha256: str | None, as_json: bool
) -> None:
    """Find the versions that were trained on a document, and those that descend from them.

    In all of history, from the manifests alone: the same text, and what is nearly the same. No raw
    text is read.
    """
    from stemma.pages.printing import print_json
    from stemma.versions.verbs.trace import trace as verb

    found = verb(text=text, file=path, id=identifier, sha256=sha256)
    if as_json:
        print_json([one.facts() for one in found])
    else:
        _print(found)


def _print(traces: Sequence["Trace"]) -> None:
    from rich.table import Table

    from stemma.pages.printing import console

    screen = console()
    screen.print(_summary(traces))
    table = Table("version", "date", "names", "split", "how", "makes", box=None)
    for one in traces:
        if one.matches or one.through:
            table.add_row(*_row(one))
    if table.row_count:
        screen.print(table)
    unknown: dict[str, list[str]] = {}
    for one in traces:
        if one.unknown:
            unknown.setdefault(one.unknown, []).append(one.commit[:7])
    for why, commits in unknown.items():
        screen.print(f"not known: {', '.join(commits)}: {why}", style="unknown")


def _summary(traces: Sequence["Trace"]) -> str:
    from stemma.corpus.split import TRAIN

    trained = sum(TRAIN in one.splits for one in traces)
    heirs = sum(bool(one.through) for one in traces)
    if any(one.splits or one.through for one in traces):
        return (
            f"Trained on by {trained} version{'s' * (trained != 1)}; {heirs} "
            f"descend{'s' * (heirs == 1)} from one whose weights learnt from it."
        )
    return (
        f"No version {'that can be read ' * any(one.unknown for one in traces)}has this "
        "document, or one like it (parts of documents are not looked for)."
    )


def _row(one: "Trace") -> tuple[str, ...]:
    how = [_said(match) for match in one.matches[:_ROWS]]
    how += [f"and {len(one.matches) - _ROWS} more"] if len(one.matches) > _ROWS else []
    how += [f"its base descends from {commit[:7]}" for commit in one.through]
    splits = ", ".join(one.splits) or ("dropped" if one.matches else "base")
    made = ", ".join(_made(one))
    return one.commit[:7], one.date, ", ".join(one.refs), splits, "; ".join(how), made


def _said(match: "Match") -> str:
    share = "" if match.similarity is None else f" ({match.similarity:.0%} alike)"
    dropped = "" if match.reason is None else f", dropped: {match.reason}"
    said = f"{_HOW[match.how]}{share}{dropped}"
    return said if match.how == "id" else f"{match.id}: {said}"


def _made(one: "Trace") -> list[str]:
    from stemma.store.declared import CONVENTION

    method = f" ({one.method})" if one.method else ""
    return [PurePosixPath(path).name + method * (path == CONVENTION.trained) for path in one.makes]
