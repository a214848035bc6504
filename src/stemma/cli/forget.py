"""`stemma forget`: revoke documents."""

import click

from stemma.cli.group import main


@main.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--why", required=True, metavar="WORDS", help="For the manifests to come.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def forget(ids: tuple[str, ...], why: str, as_json: bool) -> None:
    """Revoke documents: no version to come is trained on them.

    Puts them on the list data/revoked.jsonl, which prepare obeys, and shows the versions that they
    taint and what must be rebuilt.
    """
    from stemma.versions.verbs import forget as verb

    verb.tell(verb.forget(ids, why), as_json)
