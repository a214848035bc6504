"""`stemma fetch`: a registered version, checked and pinned, without its training project."""

from typing import TYPE_CHECKING

import click

from stemma.cli.group import main
from stemma.cli.places import FILE

if TYPE_CHECKING:
    from stemma.registry.policy import Require


@main.command()
@click.argument("model", required=False, metavar="[NAME[@VERSION|#STAGE]]")
@click.option(
    "--into", metavar="DIR", type=FILE, help="The folder; default: the name of the model."
)
@click.option("--repo", metavar="URL", help="The repository with the tags; default: the one here.")
@click.option(
    "--require", type=click.Choice(["signed", "evidence", "none"]),
    help="What is asked of it; default: what conf/registry.yaml here says, or evidence.",
)  # fmt: skip
@click.option(
    "--key", "keys", multiple=True, metavar="FILE", type=FILE, help="A public key that counts."
)
@click.option("--frozen", is_flag=True, help="Take what stemma.lock says, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print what was fetched as JSON.")
def fetch(
    model: str | None, into: str | None, repo: str | None, require: "Require | None",
    keys: tuple[str, ...], frozen: bool, as_json: bool,
) -> None:  # fmt: skip
    """Fetch a registered version of a model, check its bytes, and pin it in stemma.lock.

    NAME takes the greatest version, NAME@VERSION that one, NAME#STAGE what stands on a stage. Its
    evidence must belong to it, its bytes must have the digest of its tag, and it must not be
    recalled; otherwise nothing is written. --frozen takes the very bytes that stemma.lock pins.

    \b
    stemma fetch lm#prod --repo https://git.example.org/team/lm.git --into models/lm
    stemma fetch --frozen
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.registry import fetch as verb
    from stemma.streams import say

    found = verb(model, into=into, repo=repo, require=require, keys=keys, frozen=frozen)
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        pin = one.pin
        done = "fetched" if one.new else "is here already"
        say(f"{pin.name}@{pin.version} {done}: {pin.path}, {one.files} files, sha256 {pin.sha256}")
