"""Is every object that a version refers to present and sound? Print it; mend it if asked to."""

import dataclasses
from collections.abc import Iterator

from rich.table import Table

from stemma.pages import printing
from stemma.store.errors import DamagedError
from stemma.store.objects import ObjectStore, cache_of, remote_of, repository
from stemma.versions.integrity.check import ABSENT, Problem, Report, examine


def fsck(remote: str | None, repair: bool, as_json: bool) -> bool | None:
    """Check, mend if asked to, print what was found.

    Returns:
        Whether all is sound now; None if what was read is, and not every object was.

    Raises:
        ProjectError: Git or DVC refuses, or there is no such remote.
    """
    with repository() as repo:
        stores = [cache_of(repo)]
        if remote:
            stores.append(remote_of(repo, remote))
        report = examine(stores, elsewhere=bool(repo.config["remote"]))
        if repair:
            _mend(report, stores)
    if as_json:
        printing.print_json(dataclasses.asdict(report) | {"sound": report.sound})
    else:
        _print(report)
    return report.sound


def _mend(report: Report, stores: list[ObjectStore]) -> None:
    """Replace what is damaged or missing on one side by what the other side has."""
    sides = {store.name: store for store in stores}
    for problem in report.problems:
        (other,) = (store for store in stores if store.name != problem.store)
        if problem.state != ABSENT:
            problem.repair = _copy(problem.key, sides[problem.store], other)


def _copy(key: str, here: ObjectStore, other: ObjectStore) -> str:
    try:
        here.take(key, other)
    except (DamagedError, FileNotFoundError):
        return f"no sound copy in {other.name}"
    except OSError as error:
        return f"not repaired, {error.strerror or error}"
    return "repaired"


def _print(report: Report) -> None:
    console = printing.console()
    if report.problems:
        table = Table()
        for column in ("where", "object", "state", "file", "versions"):
            table.add_column(column, overflow="fold")
        for row in _rows(report.problems):
            table.add_row(*row)
        console.print(table)
    for store, count in report.checked.items():
        read = f"{report.bytes[store] / 1e6:,.1f} MB"
        console.print(f"{store}: {count} of {report.objects} objects there, {read} read")
    for line in _verdict(report):
        console.print(line, soft_wrap=True)


def _rows(problems: list[Problem]) -> Iterator[tuple[str, ...]]:
    for problem in problems:
        state = "; ".join(filter(None, [problem.state, problem.reason, problem.repair]))
        for number, use in enumerate(problem.uses):
            first = (problem.store, problem.key[:8], state) if number == 0 else ("", "", "")
            path = f"{use.output}/{use.file}" if use.file else use.output
            yield *first, path, ", ".join(use.versions)


def _verdict(report: Report) -> Iterator[str]:
    left = [problem.state for problem in report.problems if problem.repair != "repaired"]
    if left:
        yield f"not sound: {len(left)} objects"
    elif not report.objects:
        yield "nothing to check: no version refers to an object"
    elif not any(report.checked.values()):
        yield f"nothing to check here: {report.objects} objects are elsewhere"
    elif report.unread:
        yield f"what was read is sound; {report.unread} of {report.objects} objects are elsewhere"
    else:
        yield f"sound, after {len(report.problems)} repairs" if report.problems else "sound"
    if report.unread:
        yield "`stemma fsck --remote NAME` reads them there; `dvc fetch --all-commits` brings them."
    elif report.absent:
        yield f"{report.absent} objects are not in the cache: `dvc fetch --all-commits` brings them"
    if ABSENT in left:
        yield "`dvc push` sends what is absent from a remote."
    if {*left} - {ABSENT}:
        yield "`stemma fsck --remote NAME --repair` takes what the other side has;"
        yield "what no side has, `dvc repro` at that version builds again."
