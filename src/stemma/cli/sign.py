"""`stemma sign`: sign a registered version."""

import click

from stemma.cli.group import main
from stemma.cli.places import FILE


@main.command()
@click.argument("version")
@click.option("--key", required=True, metavar="FILE", type=FILE, help="A private key, in PEM.")
@click.option("--certificate", metavar="FILE", type=FILE, help="A certificate of its public key.")
@click.option(
    "--chain", multiple=True, metavar="FILE", type=FILE, help="A certificate up to the authority's."
)
@click.option("--push", is_flag=True, help="Fetch tags first, and push the tag.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def sign(
    version: str, key: str, certificate: str | None, chain: tuple[str, ...], push: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Sign the files of a registered version with a key of one's own, offline.

    The signature is that of OpenSSF Model Signing, in a tag beside the version. Whoever has the
    public key, or the certificate of the authority that issued that of the key, checks it: the
    gate `signed`, and `stemma fetch --key FILE`.

    \b
    openssl ecparam -name prime256v1 -genkey -noout -out key.pem
    openssl ec -in key.pem -pubout -out key.pub
    stemma sign v1.2.0 --key key.pem
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.registry import sign as verb
    from stemma.streams import say

    found = verb(version, key, certificate=certificate, chain=chain, push=push)
    if as_json:
        print_json(found.as_dict())
        return
    say(f"Signed {found.name} by the key {found.key}")
    if found.to_push:
        say(f"Others see it after `{found.to_push}`")
