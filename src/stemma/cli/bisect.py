"""`stemma bisect`: the first version that made a metric worse."""

import click

from stemma.cli.group import main

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
