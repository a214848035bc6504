"""`stemma attest`: how a registered version was made, and what was decided about it."""

import click

from stemma.cli.group import main
from stemma.cli.places import FILE


@main.command()
@click.argument("version")
@click.option(
    "--into",
    metavar="DIR",
    type=FILE,
    help="Write NAME.intoto.jsonl there, and print nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not JSON Lines.")
def attest(version: str, into: str | None, as_json: bool) -> None:
    """State how a version was made and what was decided about it, for other programs.

    Prints in-toto statements, one JSON object a line: SLSA provenance of the version and of those
    that it started from, what each gate found, and each decision.

    \b
    stemma attest v1.2.0
    stemma attest v1.2.0 --into attestations
    """  # noqa: D301 (click wants the character, not two)
    import sys

    from stemma.pages.printing import print_json
    from stemma.registry import attest as verb
    from stemma.streams import say, visible

    found = verb(version, into)
    if as_json:
        print_json(found.as_dict())
    elif found.file:
        say(f"Wrote {len(found.statements)} statements on {found.name} to {found.file}")
    else:
        say(found.lines.rstrip("\n"))
    for path, why in sorted(found.missing.items()):
        print(visible(f"Not stated in full: {path}: {why}"), file=sys.stderr)
