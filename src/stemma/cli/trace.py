"""`stemma trace`: which versions were trained on a record."""

import click

from stemma.cli.group import main


@main.command()
@click.option("--text", metavar="T", help="Of a document, as it stands in data/raw.")
@click.option("--file", "path", metavar="F", help="A file with such a text, in UTF-8.")
@click.option("--id", "identifier", metavar="I", help="Of a document.")
@click.option("--hash", "sha256", metavar="H", help="SHA-256 of a normalised text.")
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
def trace(
    text: str | None, path: str | None, identifier: str | None, sha256: str | None, as_json: bool
) -> None:
    """Find the versions that were trained on a record, and those that descend from them.

    In all of history, from the manifests alone: the same text, and what is nearly the same. No raw
    text is read.
    """
    from stemma.versions.verbs import trace as verb

    query = verb.query_of(text, path, identifier, sha256)
    verb.tell(verb.trace(query), as_json)
