"""`stemma log`: the versions as the tree they are."""

import click

from stemma.cli.group import main


@main.command()
@click.argument("scope", nargs=-1, metavar="[REV-RANGE]... [PATH]")
@click.option("--all", "everything", is_flag=True, help="Of all branches and tags.")
@click.option("--experiments", is_flag=True, help="Of DVC's experiments too.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of versions as JSON.")
def log(scope: tuple[str, ...], everything: bool, experiments: bool, as_json: bool) -> None:
    """Show the versions as the tree they are, a line for each, newest first.

    Commit, date, headline figure and its change (green or red where it is significant), bytes
    added (≤ where the cache does not tell), the version that it was tuned from, whether revoked
    records taint it, what changed since the parent, names, author and subject.

    \b
    stemma log                    the versions of this branch
    stemma log v1..main           those since v1
    stemma log models/trained     those whose models/trained is not that of their parent
    stemma log --all --experiments
    """  # noqa: D301 (click wants the character, not two)
    from stemma.store.refs import parse_scope
    from stemma.versions.verbs import log as verb

    verb.log(*parse_scope(scope, everything, experiments), as_json=as_json)
