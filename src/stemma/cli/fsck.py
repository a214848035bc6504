"""`stemma fsck`: whether every stored object is there and sound."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.versions.integrity.findings import IntegrityReport, Problem

_EXIT = {True: 0, False: 1, None: 3}


@main.command()
@click.option("--remote", metavar="NAME", help="Check this remote too.")
@click.option("--repair", is_flag=True, help="Mend cache and remote from each other.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def fsck(remote: str | None, repair: bool, as_json: bool) -> None:
    """Check that every object of every version is present and hashes to its name.

    Reads all that a tag, a branch, an experiment or their history refers to. docs/faults.md says
    what each state means.

    \b
    exit 0   every object was read and is sound
    exit 1   an object is damaged or missing
    exit 3   what was read is sound, and not all was: nothing is known of the rest
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.versions.verbs.fsck import fsck as verb

    if repair and not remote:
        raise click.UsageError("--repair needs --remote NAME: the side to mend from")
    found = verb(remote, repair, watch=_bar)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    raise SystemExit(_EXIT[found.sound])


@contextlib.contextmanager
def _bar(what: str) -> Iterator[Callable[[int], object]]:
    from tqdm import tqdm

    with tqdm(desc=what, unit="B", unit_scale=True, disable=None) as bar:
        yield bar.update


def _print(found: "IntegrityReport") -> None:
    from rich.table import Table

    from stemma.pages import printing

    console = printing.console()
    if found.problems:
        table = Table()
        for column in ("where", "object", "state", "file", "versions"):
            table.add_column(column, overflow="fold")
        for row in _rows(found.problems):
            table.add_row(*row)
        console.print(table)
    for store, count in found.checked.items():
        read = f"{found.bytes[store] / 1e6:,.1f} MB"
        console.print(f"{store}: {count} of {found.objects} objects there, {read} read")
    for line in [*_verdict(found), *_unseen(found), *_remedies(found)]:
        console.print(line, soft_wrap=True)


def _rows(problems: Iterable["Problem"]) -> Iterator[tuple[str, ...]]:
    for problem in problems:
        state = "; ".join(filter(None, [problem.state, problem.reason, problem.repair]))
        for number, use in enumerate(problem.uses):
            first = (problem.store, problem.key[:8], state) if number == 0 else ("", "", "")
            path = f"{use.output}/{use.file}" if use.file else use.output
            yield *first, path, ", ".join(use.versions)


def _verdict(found: "IntegrityReport") -> Iterator[str]:
    if found.left:
        yield f"not sound: {_objects(len({problem.key for problem in found.left}))}"
    elif not found.objects:
        yield "nothing to check: no version refers to an object"
    elif not any(found.checked.values()):
        yield f"nothing was checked: none of {_objects(found.objects)} is in {_places(found)}"
    elif found.unread:
        yield "what was read is sound"
    else:
        yield f"sound, after {len(found.problems)} repairs" if found.problems else "sound"


def _unseen(found: "IntegrityReport") -> Iterator[str]:
    """Yield what was not looked at."""
    if found.unread and (found.left or any(found.checked.values())):
        yield f"not read: {_objects(found.unread)} of {found.objects}, not in {_places(found)}"
    if found.undeclared:
        yield f"not there: {_objects(found.undeclared)} of stages that dvc.yaml no longer has"
    if found.unlisted:
        folders = f"{found.unlisted} folder{'s' * (found.unlisted != 1)}"
        yield f"not counted: the files of {folders} of which no sound listing was read"
    if found.unasked:
        yield (
            f"not looked at: {', '.join(found.unasked)} (`stemma fsck --remote NAME` reads one too)"
        )


def _remedies(found: "IntegrityReport") -> Iterator[str]:
    states = {problem.state for problem in found.left}
    remote = next((name for name in found.checked if name != "cache"), None)
    if found.unread and found.unasked:
        yield "`dvc fetch --all-commits` brings what the default remote has."
    elif found.unread:
        yield "What was not read, only history needs, or `dvc push` does not send."
    elif found.absent and remote:
        fetch = f"`dvc fetch --all-commits --remote {remote}`"
        yield f"{_objects(found.absent)} not in the cache: {fetch} brings what {remote} has."
    if "absent" in states:
        yield "`dvc push` sends what is absent from a remote, if the cache here has it."
    if states - {"absent"}:
        if remote or found.unasked:
            yield "`stemma fsck --remote NAME --repair` takes what the other side has;"
        yield "what no side has, `dvc repro` at that version builds again."


def _objects(number: int) -> str:
    return f"{number} object{'s' * (number != 1)}"


def _places(found: "IntegrityReport") -> str:
    return " or ".join("the cache" if name == "cache" else name for name in found.checked)
