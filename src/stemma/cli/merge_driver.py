"""`stemma merge-driver`: merges versions stage by stage, for Git."""

import os
from pathlib import Path

import click

from stemma.cli.group import main


@main.command("merge-driver")
@click.argument("files", nargs=-1, metavar="[%O %A %B %P]")
@click.option("--install", is_flag=True, help="Tell this clone's Git to use it.")
@click.option("--uninstall", is_flag=True, help="Tell this clone's Git to use it no longer.")
def merge_driver(files: tuple[str, ...], install: bool, uninstall: bool) -> None:
    """Merge dvc.lock, code.lock, params.yaml and reports, for Git: stage by stage.

    A stage whose merged inputs are those of one side keeps that side's outputs; the others are left
    out of dvc.lock, so that `dvc repro` builds them. Nobody is asked, and no file is left that DVC
    cannot parse. Where stemma is not on the PATH, Git merges as it does by itself.

    \b
    stemma merge-driver --install     once in each clone; commit .gitattributes

    \b
    exit 0    merged
    exit 2    merged, but both sides changed a setting: Git marks the file
    exit 1    a side is torn: Git's own merge is left
    """  # noqa: D301 (click wants the character, not two)
    from stemma.store.errors import ProjectError
    from stemma.streams import say

    if install or uninstall:
        _configure(install)
        return
    if len(files) != 4:
        raise ProjectError(
            "the merge driver is called by Git", "`stemma merge-driver --install` tells it to"
        )
    from stemma.merges.driver import resolve

    base, ours, theirs, path = files
    root = _project_of(Path(path))
    inside = Path(path).relative_to(root).as_posix()
    found = resolve(inside, Path(base), Path(ours), Path(theirs), root)
    say(f"stemma: {path}: {found.words}", err=True)
    if not found.resolved:
        raise SystemExit(2)


def _project_of(path: Path) -> Path:
    """Return the folder of the project that a file of the repository belongs to."""
    tops = [folder for folder in path.parents if (folder / ".dvc").is_dir()]
    return tops[0] if tops else Path(os.curdir)


def _configure(install: bool) -> None:
    from stemma.merges import install as installing
    from stemma.streams import say

    if not install:
        installing.uninstall()
        say("Git merges versions by itself again in this clone.")
        return
    paths = installing.install()
    say(f"Git merges {len(paths)} paths by stage in this clone, as .gitattributes says:")
    say("\n".join(f"  {path}" for path in paths))
    say("Commit .gitattributes; type this command once in every clone.")
