"""`stemma register`: give a commit the name of a version."""

from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.registry.bump import Level
    from stemma.registry.verbs.register import Registration


@main.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option(
    "--bump", type=click.Choice(["major", "minor", "patch"]), help="The number that goes up."
)
@click.option("--version", metavar="X.Y.Z", help="The version itself.")
@click.option("--artifact", metavar="NAME", help="The model, as `artifacts:` in dvc.yaml has it.")
@click.option("--local", is_flag=True, help="Also if its bytes are in no remote.")
@click.option("--push", is_flag=True, help="Push the tag to the Git remote.")
@click.option("--dry-run", is_flag=True, help="Say what would be registered, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def register(
    revision: str, bump: "Level | None", version: str | None, artifact: str | None, local: bool,
    push: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Register a commit (default: HEAD) as a version of its model, such as lm@v1.2.0.

    Writes an annotated tag, as GTO does, that says which bytes it stands for. Which number goes up
    is proposed from what changed since the last version: tokenizer, task or interface (major), data
    or weights (minor), the rest of the export (patch). It is refused if the working tree is dirty,
    dvc.lock does not match the outputs, or the bytes are not in the default DVC remote.

    \b
    stemma register --dry-run
    stemma register v-candidate --bump minor --push
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.printing import print_json
    from stemma.registry import register as verb
    from stemma.streams import say

    found = verb(
        revision, bump=bump, version=version, artifact=artifact, local=local, push=push,
        dry_run=dry_run,
    )  # fmt: skip
    if as_json:
        print_json(found.as_dict())
    else:
        say("\n".join(_lines(found)))


def _lines(found: "Registration") -> list[str]:
    done = "Registered" if found.tag else "Would register"
    lines = [f"{done} {found.artifact}@{found.version} at {found.commit[:10]}"]
    bump = found.bump
    if bump.since:
        why = "; ".join(bump.reasons) or "nothing changed"
        lines.append(f"  since {bump.since}: {why} ({bump.level or 'the same'})")
    lines.append(f"  sha256 of its files: {found.digest}")
    if found.pushed:
        lines.append(f"  pushed to {found.pushed}")
    if found.to_push:
        lines.append(f"Others see it after `{found.to_push}`")
    return lines
