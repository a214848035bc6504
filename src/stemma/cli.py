"""The ``stemma`` command: thin verbs for what DVC and Git lack. Each imports its own module."""

import json
import os

import click

from stemma.errors import boundary


class _Project(click.Group):
    """Runs every verb inside the one place where an error becomes a line."""

    def invoke(self, ctx: click.Context) -> object:
        with boundary("stemma", traceback=ctx.params["traceback"]):
            return super().invoke(ctx)


@click.group(cls=_Project, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stemma-lm")
@click.option("--traceback", is_flag=True, help="Show where an error came from.")
def main(traceback: bool) -> None:
    """Version control for language models, on Git and DVC.

    A Git commit and its DVC outputs are a model version. Rebuild one with `dvc repro`, try one with
    `dvc exp run -S key=value`, compare with `dvc metrics diff`, go back with `git checkout` and
    `dvc checkout`. The verbs below do what these lack.
    """


@main.command()
@click.argument("overrides", nargs=-1, metavar="[OVERRIDE]...")
@click.option("--reset", is_flag=True, help="Forget the overrides that params.yaml was made with.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if params.yaml has drifted.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def compose(overrides: tuple[str, ...], reset: bool, check: bool, as_json: bool) -> None:
    """Compose conf/ into params.yaml, as the pipeline does.

    Overrides in force (from `dvc exp run -S` or an earlier compose) are kept, unless --reset.

    \b
    stemma compose                             take up an edit of conf/
    stemma compose train.learning_rate=0.001   change one setting
    stemma compose experiment=gpt2_shakespeare choose a recipe
    stemma compose --reset                     go back to what conf/ says
    stemma compose --check                     has params.yaml drifted from conf/?
    """  # noqa: D301 (click wants the character, not two)
    from stemma import composition

    if check and (overrides or reset):
        raise click.UsageError("--check takes no overrides and no --reset")
    if check:
        changes = composition.differences()
    else:
        # DVC tells the commands that it runs which stage they are.
        changes = composition.write(
            composition.recompose(overrides, reset=reset), by_dvc="DVC_STAGE" in os.environ
        )
    if as_json:
        click.echo(json.dumps({"drifted" if check else "changed": changes}))
    else:
        _tell_changes(changes, check)
    if check and changes:
        raise SystemExit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
def show(as_json: bool) -> None:
    """Show the version in the working tree: scores beside baselines, a sample, what to try."""
    from stemma.versions import show as verb

    verb.show(as_json)


@main.command()
@click.option("--remote", metavar="NAME", help="Check this remote too.")
@click.option("--repair", is_flag=True, help="Mend cache and remote from each other.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def fsck(remote: str | None, repair: bool, as_json: bool) -> None:
    """Check that every object of every version is present and hashes to its name.

    Reads all that a tag, a branch, an experiment or their history refers to; exit code 1 if an
    object is damaged or missing. docs/faults.md says what each state means.
    """
    from stemma.versions import fsck as verb

    if repair and not remote:
        raise click.UsageError("--repair needs --remote NAME: the side to mend from")
    if not verb.fsck(remote, repair, as_json):
        raise SystemExit(1)


@main.command()
@click.option("--unpushed", is_flag=True, help="Also what no remote has a copy of.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def gc(unpushed: bool, yes: bool, as_json: bool) -> None:
    """Delete from the cache what no version refers to; show it and ask first.

    Kept: all that a tag, a branch, an experiment, their history, Git's reflogs or the working tree
    refers to, and all that the default remote does not have.
    """
    from stemma.versions import gc as verb

    verb.gc(unpushed, yes, as_json)


@main.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--stage", metavar="NAME", help="Only this stage, on inputs from the cache.")
@click.option("--keep", is_flag=True, help="Keep the worktree with the rebuild; print its path.")
@click.option("--json", "as_json", is_flag=True, help="Print rows and verdict as JSON.")
@click.option("--tolerance", is_flag=True, help="Exit 0 also for `equivalent`.")
@click.option(
    "--metric-bound",
    type=click.FloatRange(min=0),
    default=0.01,
    show_default=True,
    help="`equivalent`: relative difference of every number in reports/metrics.json.",
)
@click.option(
    "--weight-bound",
    type=click.FloatRange(min=0),
    default=0.05,
    show_default=True,
    help="`equivalent`: difference of every tensor, relative to its Euclidean norm.",
)
def verify(
    revision: str,
    stage: str | None,
    keep: bool,
    as_json: bool,
    tolerance: bool,
    metric_bound: float,
    weight_bound: float,
) -> None:
    """Rebuild a version from its raw sources and compare it with its dvc.lock.

    In a clean worktree of REV (default: HEAD), with an empty DVC cache and no run cache.

    \b
    exact        every byte is the same: exit 0
    equivalent   weights and metrics are inside the bounds: exit 0 with --tolerance
    different    the first stage that diverges, how far, and the likely cause: exit 1
    """  # noqa: D301 (click wants the character, not two)
    from stemma.versions import verify as verb
    from stemma.versions.verdict import Bounds

    report = verb.verify(revision, stage, keep, Bounds(metric_bound, weight_bound))
    verb.tell(report, as_json)
    if report.verdict != "exact" and not (tolerance and report.verdict == "equivalent"):
        raise SystemExit(1)


@main.command()
@click.option("--text", metavar="T", help="Of a document, as it stands in data/raw.")
@click.option("--file", "path", metavar="F", help="A file with such a text, in UTF-8.")
@click.option("--id", "identifier", metavar="I", help="Of a document.")
@click.option("--hash", "sha256", metavar="H", help="SHA-256 of a normalised text.")
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
def trace(
    text: str | None, path: str | None, identifier: str | None, sha256: str | None, as_json: bool
) -> None:
    """Find the versions that were trained on a record, and those that descend from them.

    In all of history, from the manifests alone: the same text, and what is nearly the same. No raw
    text is read.
    """
    from stemma.versions import trace as verb

    query = verb.query_of(text, path, identifier, sha256)
    verb.tell(verb.trace(query), as_json)


@main.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--why", required=True, metavar="WORDS", help="For the manifests to come.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def forget(ids: tuple[str, ...], why: str, as_json: bool) -> None:
    """Revoke documents: no version to come is trained on them.

    Puts them on the list data/revoked.jsonl, which prepare obeys, and shows the versions that they
    taint and what must be rebuilt.
    """
    from stemma.versions import forget as verb

    verb.tell(verb.forget(ids, why), as_json)


def _tell_changes(changes: list[str], check: bool) -> None:
    for line in changes:
        click.echo(line)
    if check:
        click.echo(
            "params.yaml has drifted from conf/; type `stemma compose` or `dvc repro`"
            if changes
            else "params.yaml is what conf/ composes to"
        )
    elif not changes:
        click.echo("params.yaml is written; no value changed")


if __name__ == "__main__":
    main()
