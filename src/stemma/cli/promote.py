"""`stemma promote`: put a version on a stage, if the gates let it pass."""

from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.registry.decision import Decision


@main.command()
@click.argument("version")
@click.argument("stage")
@click.option("--force", is_flag=True, help="Also if a gate refuses; --why is recorded for ever.")
@click.option("--why", metavar="TEXT", help="The reason.")
@click.option("--push", is_flag=True, help="Fetch tags first, and push the tag.")
@click.option("--dry-run", is_flag=True, help="Ask the gates, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def promote(
    version: str, stage: str, force: bool, why: str | None, push: bool, dry_run: bool, as_json: bool
) -> None:
    """Put a version on a stage, such as prod, if the stage's gates let it pass.

    The gates are those of conf/registry.yaml and conf/gates/. Each is asked about VERSION beside
    what stands on STAGE now, and says what it found. Only if all let it pass a tag is written,
    with the whole decision in it.

    \b
    exit 0    it stands there now (or would: --dry-run)
    exit 1    a gate refuses, or the command is wrong

    \b
    stemma promote v1.2.0 prod --dry-run
    stemma promote v1.2.0 prod --push
    stemma promote v1.2.0 prod --force --why 'security fix, see #12'
    """  # noqa: D301 (click wants the character, not two)
    from stemma.cli.outcomes import shown
    from stemma.pages.printing import print_json
    from stemma.registry import promote as verb
    from stemma.streams import say

    found = verb(
        version, stage, force=force, why=why, push=push, dry_run=dry_run,
        tell=bool if as_json else shown(),
    )  # fmt: skip
    if as_json:
        print_json(found.as_dict())
    else:
        say("\n".join(lines(found, dry_run, push)))
    if not found.allowed:
        raise SystemExit(1)


def lines(found: "Decision", dry_run: bool, pushed: bool) -> list[str]:
    """Return what is said of a decision."""
    from pathlib import Path

    from stemma.cli.outcomes import refused
    from stemma.registry.publishing import how_to_push

    name = f"{found.artifact}@{found.version}"
    if not found.allowed:
        return [
            f"{name} does not go to {found.stage}: refused by {refused(found.gates)}",
            "--force --why '…' puts it there all the same, and is recorded.",
        ]
    done = "would stand" if dry_run else "stands"
    place = f" in place of {found.incumbent}" if found.incumbent else ""
    told = [f"{name} {done} on {found.stage}{place}" + (f" ({found.tag})" if found.tag else "")]
    if found.forced:
        told.append(f"  although refused by {refused(found.gates)}: {found.why}")
    if not dry_run:
        told.append(
            f"Servers that follow {found.stage} take it at their next look; those that were "
            "started with a version stay with it."
        )
        push = None if pushed or not found.tag else how_to_push([found.tag], Path())
        if push:
            told.append(f"Others see it after `{push}`")
    return told
