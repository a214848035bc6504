"""`stemma diff`: what changed between two versions, and whether it matters."""

import os
from pathlib import Path

import click

from stemma.cli.group import main
from stemma.cli.places import VERSION
from stemma.files import atomic_file
from stemma.versions.differences import SECTIONS


@main.command()
@click.argument("a", default="HEAD", metavar="[A]", type=VERSION)
@click.argument("b", default=None, required=False, metavar="[B]", type=VERSION)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(SECTIONS),
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
    HEAD:models/base; a folder with a model; or a file with results by example (Parquet, JSON Lines,
    CSV, samples of lm-evaluation-harness). Nothing is checked out.

    \b
    stemma diff                       HEAD and the working tree
    stemma diff v1 v2 --html diff.html
    stemma diff HEAD:models/base HEAD --only weights
    stemma diff before/samples_arc.jsonl after/samples_arc.jsonl
    """  # noqa: D301 (click wants the character, not two)
    if as_json + markdown + (html is not None) > 1:
        raise click.UsageError("choose one of --json, --markdown and --html")
    # The weights are compared in several threads; threads of BLAS on top would slow them down.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from stemma.pages.printing import print_json
    from stemma.streams import say
    from stemma.versions.verbs.diff import diff as compare

    found = compare(a, b, only or SECTIONS)
    if as_json:
        print_json(found.facts())
    elif markdown:
        from stemma.pages.markdown import markdown as draw

        say(draw(found.page()))
    elif html:
        from stemma.pages.html import html as draw

        with atomic_file(html) as handle:
            handle.write(draw(found.page()).encode(errors="replace"))
        say(f"{html}: {found.verdict}")
    else:
        from stemma.pages.terminal import show

        show(found.page())
