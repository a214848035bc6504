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

    The id of an answer of a server (cmpl-…, chatcmpl-…, resp_…) erases the texts that are kept of
    it, and revokes what `stemma update` has made of it: so a consent is taken back.
    """
    from pathlib import Path

    from stemma.monitoring.store import FILE
    from stemma.monitoring.withdrawing import withdraw
    from stemma.pages.printing import print_json
    from stemma.streams import say
    from stemma.updating.lessons import answer_of, ids_of
    from stemma.versions.verbs.forget import forget as verb

    erased = withdraw([answer_of(one) for one in ids], Path(FILE))
    # Of an answer that no version has learnt from there is nothing to revoke.
    made = {name for one in (*erased, *ids) for name in ids_of(answer_of(one))}
    others = [one for one in ids if answer_of(one) not in erased]
    done = verb(*others, why=why, also=made)
    if as_json:
        print_json(done.facts() | {"erased": erased})
        return
    for one in erased:
        say(f"erased: the texts of {one} in {FILE}")
    if erased and not others and not done.revoked:
        say("no version has learnt from it since, or it is revoked already")
        return
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
