"""`stemma serve`: run versions behind an OpenAI-compatible API."""

from pathlib import Path

import click

from stemma.cli.group import main
from stemma.cli.places import FILE


@main.command()
@click.option("--stage", metavar="NAME", help="Follow what stands on a stage (default: prod).")
@click.option("--version", metavar="VERSION", help="A registered version, such as lm@v1.2.0.")
@click.option("--rev", metavar="REV", help="Any commit.")
@click.option("--path", type=click.Path(path_type=Path), help="A folder with a model.")
@click.option("--artifact", metavar="NAME", help="The model, where a project has several.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option(
    "--engine", type=click.Choice(["transformers", "openvino", "vllm"]), help="What computes."
)
@click.option("--dtype", type=click.Choice(["float32", "bfloat16", "float16", "int8"]))
@click.option("--keys", metavar="FILE", type=FILE, help="Only who has a key of this file may ask.")
@click.option("--canary", metavar="VERSION=SHARE", help="Such as lm@v1.3.0=10%.")
@click.option("--shadow", metavar="VERSION", help="Gets the same requests; nobody sees it.")
@click.option("--also", multiple=True, metavar="VERSION", help="Can be asked for by name.")
@click.option("--fetch/--no-fetch", default=None, help="Fetch tags from Git's remote first.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="Of conf/serving.yaml.")
def serve(
    stage: str | None, version: str | None, rev: str | None, path: Path | None,
    artifact: str | None, host: str, port: int, engine: str | None, dtype: str | None,
    keys: str | None, canary: str | None, shadow: str | None, also: tuple[str, ...],
    fetch: bool | None, given: tuple[str, ...],
) -> None:  # fmt: skip
    """Run a version behind an OpenAI-compatible API, and follow the registry.

    What stands on a stage is checked (evidence, bytes, recall, signature) and taken from the cache
    of DVC or its remote; the working tree is not touched. When another version is put there, it is
    started beside the old one, tried, and takes over; what does not pass is not taken.

    \b
    exit 0    it was told to end
    exit 1    what is wanted is not there, may not be used, or does not run

    \b
    stemma serve
    stemma serve --path models/exported --port 9000
    stemma serve --stage prod --fetch --canary lm@v1.3.0=10% --keys keys.yaml --host 0.0.0.0
    """  # noqa: D301 (click wants the character, not two)
    from stemma.cli.serving import share_of, spoken, wanted_of
    from stemma.serving import serve as verb
    from stemma.serving import settings

    over = {"engine": engine, "dtype": dtype, "keys": keys, "fetch": fetch}
    read = settings.read(Path(), over, given)
    spoken()
    wanted = wanted_of(
        stage=stage, version=version, rev=rev, path=path, artifact=artifact, shadow=shadow,
        also=also, canary=share_of(canary) if canary else None,
    )  # fmt: skip
    verb.run(wanted, read, host, port)
