"""`stemma import`: a model from elsewhere becomes a version."""

from typing import TYPE_CHECKING

import click

from stemma.cli.group import main
from stemma.cli.places import VERSION

if TYPE_CHECKING:
    from stemma.importing import Imported


@main.command(name="import")
@click.argument("source", metavar="PATH|NAME", type=VERSION)
@click.option("--name", metavar="NAME", help="What it is called here; by default as it was.")
@click.option("--license", metavar="ID", help="Its licence, where its card does not say.")
@click.option("--no-commit", is_flag=True, help="Leave the commit to you.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def import_(
    source: str, name: str | None, license: str | None, no_commit: bool, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Import a model from elsewhere as a version, to compare with and to tune from.

    PATH is a folder that save_pretrained() wrote, or the output folder of a transformers Trainer,
    of which the best checkpoint is taken, or else the last. NAME is OWNER/NAME[@REVISION] of a
    model in the Hub's cache on this machine; nothing is downloaded. An adapter of PEFT is a model
    too. Its weights, configuration, tokenizer, licence and card go to models/NAME, which DVC keeps;
    dvc.yaml declares it, and a commit holds both. Pickles are not taken.

    \b
    stemma import ../run-7
    stemma import HuggingFaceTB/SmolLM2-135M --name smol
    stemma diff HEAD:models/smol v1.2.0:models/trained
    dvc exp run -S model=path -S model.base.path=stemma://COMMIT:models/smol
    """  # noqa: D301 (click wants the character, not two)
    from stemma.importing import import_model
    from stemma.pages.printing import print_json
    from stemma.streams import say

    told = import_model(source, name=name, license=license, commit=not no_commit, dry_run=dry_run)
    if as_json:
        print_json(told.as_dict())
    else:
        say("\n".join(_lines(told, dry_run)))


def _lines(told: "Imported", dry_run: bool) -> list[str]:
    from rich.filesize import decimal

    at = f" at {told.revision}" if told.revision else ""
    lines = [
        f"{'Would import' if dry_run else 'Imported'} {told.name} from {told.origin}{at}",
        f"  {told.path}: {len(told.files)} files, {decimal(told.size)}, licence {told.license}",
        f"  sha256 of its files: {told.digest}",
    ]
    if told.base:
        lines.append(f"  made of {told.base}, as it says")
    if told.left_out:
        shown = ", ".join(told.left_out[:5])
        more = f" and {len(told.left_out) - 5} more" if len(told.left_out) > 5 else ""
        lines.append(f"  left out: {shown}{more}")
    if told.license == "unknown":
        lines.append("  its card names no licence: --license ID says which it has")
    if told.commit:
        lines.append(f"Committed as {told.commit[:10]}; `dvc push && git push` hand it on")
    elif not dry_run:
        lines.append("Git does not hold it yet: `git commit` dvc.yaml and what is new in models/")
    return lines
