"""`stemma key`: make a key for `stemma serve --keys`."""

from pathlib import Path

import click

from stemma.cli.group import main


@main.command()
@click.argument("name")
@click.option(
    "--file", "path", type=click.Path(path_type=Path), default="keys.yaml", show_default=True
)
@click.option("--per-minute", type=click.IntRange(min=1), help="Most requests in a minute.")
@click.option("--revoke", is_flag=True, help="Take the key of NAME out of the file.")
def key(name: str, path: Path, per_minute: int | None, revoke: bool) -> None:
    """Make a key with which NAME may ask a server, and print it: it stands nowhere else.

    The file has its hash. A server reads the file when it starts.

    \b
    stemma key ada --per-minute 60
    stemma serve --keys keys.yaml --host 0.0.0.0
    """  # noqa: D301 (click wants the character, not two)
    from stemma.serving import keys
    from stemma.streams import say

    if revoke:
        keys.revoke(path, name)
        say(f"{path} has no key of {name} any more; servers take it up when they start")
        return
    say(keys.make(path, name, per_minute))
