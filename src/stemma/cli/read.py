"""Verbs that read versions."""

import os
from pathlib import Path

import click

from stemma.cli.group import main
from stemma.files import atomic_file
from stemma.versions.differences import SECTIONS


@main.command()
@click.argument("revision", default=None, required=False, metavar="[REV]")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, nothing shortened.")
def show(revision: str | None, as_json: bool) -> None:
    """Show one page on a version: a commit, tag, branch or experiment; else the working tree.

    What it was made of and where it stands in the tree, its figures beside baselines, what it
    writes, where its bytes are, and whether it was verified. Nothing is checked out.

    \b
    stemma show                   the working tree, and what to try next
    stemma show v1
    stemma show HEAD~2 --json
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages import version
    from stemma.pages.printing import print_json
    from stemma.store.version import resolve
    from stemma.versions.verbs.show import facts_of

    found = facts_of(resolve(revision))
    if as_json:
        print_json(found)
    else:
        version.show(found)


@main.command()
@click.argument("scope", nargs=-1, metavar="[REV-RANGE]... [PATH]")
@click.option("--all", "everything", is_flag=True, help="Of all branches and tags.")
@click.option("--experiments", is_flag=True, help="Of DVC's experiments too.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of versions as JSON.")
def log(scope: tuple[str, ...], everything: bool, experiments: bool, as_json: bool) -> None:
    """Show the versions as the tree they are, a line for each, newest first.

    Commit, date, headline figure and its change (green or red where it is significant), bytes
    added (≤ where the cache does not tell), the version that it was tuned from, whether revoked
    records taint it, what changed since the parent, names, author and subject.

    \b
    stemma log                    the versions of this branch
    stemma log v1..main           those since v1
    stemma log models/trained     those whose models/trained is not that of their parent
    stemma log --all --experiments
    """  # noqa: D301 (click wants the character, not two)
    from stemma.versions.verbs import log as verb

    verb.log(*verb.parse_scope(scope, everything, experiments), as_json=as_json)


@main.command()
@click.argument("a", default="HEAD", metavar="[A]")
@click.argument("b", default=None, required=False, metavar="[B]")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(tuple(SECTIONS)),
    help="Only this section; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, nothing rounded.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write one HTML page that opens offline.",
)
def diff(
    a: str, b: str | None, only: tuple[str, ...], as_json: bool, markdown: bool, html: Path | None
) -> None:
    """Show what changed from A (HEAD) to B (the working tree), and whether it matters.

    Each is a commit, tag, branch or experiment; one of these and an output, such as
    HEAD:models/base; or a folder with a model. Nothing is checked out.

    \b
    stemma diff                       HEAD and the working tree
    stemma diff v1 v2 --html diff.html
    stemma diff HEAD:models/base HEAD --only weights
    """  # noqa: D301 (click wants the character, not two)
    if as_json + markdown + (html is not None) > 1:
        raise click.UsageError("choose one of --json, --markdown and --html")
    # Threads of BLAS would spin against those that read the weights.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from stemma.pages.printing import print_json
    from stemma.store.version import resolve
    from stemma.streams import say
    from stemma.versions.verbs import diff as reports

    report = reports.build(resolve(a), resolve(b), only or tuple(SECTIONS))
    if as_json:
        print_json(report.facts())
    elif markdown:
        from stemma.pages.markdown import markdown as page

        say(page(report))
    elif html:
        from stemma.pages.html import html as page

        with atomic_file(html) as handle:
            handle.write(page(report).encode(errors="replace"))
        say(f"{html}: {report.verdict}")
    else:
        from stemma.pages.terminal import show

        show(report)


_CODES = {"found": 0, "not worse": 3}


@main.command()
@click.option("--metric", "name", required=True, metavar="NAME", help="As in reports/metrics.json.")
@click.option("--good", required=True, metavar="A", help="A version from before.")
@click.option("--bad", required=True, metavar="B", help="One that descends from it.")
@click.option("--no-rebuild", is_flag=True, help="Measure none whose figures Git does not hold.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def bisect(name: str, good: str, bad: str, no_rebuild: bool, as_json: bool) -> None:
    """Find the first version from A to B that made a figure worse.

    Versions are compared with A, paired by document, and halved as `git bisect` does: all that B
    descends from and A does not, branches that were merged included. What is worse is taken to stay
    worse. Figures come from Git; where there are none, `dvc repro evaluate` measures the version in
    a temporary worktree. A version that cannot be compared, or whose test might well have missed
    what B lost, is passed over.

    \b
    exit 0   the first worse version is found
    exit 1   an error, or it cannot be told: B cannot be compared, or it is one of several
    exit 3   B is not worse than A
    """  # noqa: D301 (click wants the character, not two)
    from stemma.pages.bisection import tell
    from stemma.versions.verbs.bisect import bisect as find

    found = find(name, good, bad, not no_rebuild)
    tell(found, as_json)
    raise SystemExit(_CODES.get(found.status, 1))
