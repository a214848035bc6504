"""`stemma fsck`: whether every stored object is there and sound."""

import click

from stemma.cli.group import main

_SOUND = {True: 0, False: 1, None: 3}


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
    exit 3   what was read is sound, and not all was: nothing is known of what is elsewhere
    """  # noqa: D301 (click wants the character, not two)
    from stemma.versions.verbs import fsck as verb

    if repair and not remote:
        raise click.UsageError("--repair needs --remote NAME: the side to mend from")
    raise SystemExit(_SOUND[verb.fsck(remote, repair, as_json)])
