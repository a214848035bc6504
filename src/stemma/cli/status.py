"""`stemma status`: whether the working tree has the bytes of a commit."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.versions.verbs.status import WorkingTreeStatus


@main.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def status(revision: str, as_json: bool) -> None:
    """Say whether the outputs in the working tree are the bytes of a commit.

    Hashes every output and compares it with the dvc.lock of REV (default: HEAD); where one is
    missing or different, says which, and the likely cause.

    \b
    exit 0    every output has the bytes of REV
    exit 1    one is missing or different
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.streams import say
    from stemma.versions.verbs.status import status as verb

    found = verb(revision)
    if as_json:
        print_json(found.as_dict())
    else:
        say("\n".join(_lines(found, revision)))
    if not found.exact:
        raise SystemExit(1)


def _lines(found: "WorkingTreeStatus", revision: str) -> Iterator[str]:
    name = f"{revision} ({found.commit[:10]})" if found.commit != revision else found.commit[:10]
    if found.exact:
        yield f"These are the bytes of {name}: {found.outputs} outputs, each as its dvc.lock says."
    if found.different:
        yield f"These are not the bytes of {name}, from the stage {found.first} on."
        yield f"  different: {', '.join(found.different)}"
    if found.missing:
        yield f"Not here: {', '.join(found.missing)} (`dvc repro` or `dvc pull` brings them)."
    yield from (f"  likely cause: {cause}" for cause in found.causes)
    if found.changed:
        yield f"Edited, and not committed: {', '.join(found.changed)}"
