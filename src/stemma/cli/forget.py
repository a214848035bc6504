"""`stemma forget`: revoke documents."""

from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.versions.verbs.forget import Forgotten


@main.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--why", required=True, metavar="WORDS", help="For the manifests to come.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def forget(ids: tuple[str, ...], why: str, as_json: bool) -> None:
    """Revoke documents: no version to come is trained on them.

    Puts them on the list data/revoked.jsonl, which prepare obeys, and shows the versions that they
    taint and what must be rebuilt.
    """
    from stemma.pages.printing import print_json
    from stemma.versions.verbs.forget import forget as verb

    done = verb(*ids, why=why)
    if as_json:
        print_json(done.facts())
    else:
        _print(done)


def _print(done: "Forgotten") -> None:
    from rich.table import Table

    from stemma.layout import REVOKED
    from stemma.pages.printing import console
    from stemma.store.declared import CONVENTION

    screen = console()
    for entry in done.revoked:
        screen.print(f"revoked: {entry.id} ({entry.sha256[:10]}): {entry.why}")
    if not done.revoked:
        screen.print(f"already in {REVOKED}; nothing is written")
    if done.tainted:
        table = Table("tainted", "names", "by", box=None)
        for one in done.tainted:
            table.add_row(one.commit[:7], ", ".join(one.refs), one.why)
        screen.print(table)
    else:
        screen.print("no version in Git holds it")
    for match in done.similar:
        share = "" if match.similarity is None else f", {match.similarity:.0%} alike"
        screen.print(f"not revoked, and nearly the same: {match.id}{share}")
    screen.print(
        f"Now: `dvc repro`, and commit it with {REVOKED}: prepare drops these, and train makes "
        "clean weights. Then rebuild each tainted version that is in use, bases first. "
        f"{CONVENTION.raw} holds the texts until they are gone from the source."
    )
