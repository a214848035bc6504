"""`stemma init`: a project of one's own."""

from pathlib import Path

import click

from stemma.cli.group import main
from stemma.streams import say


@main.command(cls=click.Command)
@click.argument("folder", default=".", type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--name", metavar="NAME", help="Of the project; by default that of the folder.")
@click.option("--subdir", is_flag=True, help="DIR is a folder within a Git repository.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show every file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def init(folder: Path, name: str | None, subdir: bool, dry_run: bool, as_json: bool) -> None:
    """Start a project, whose stages run from the installed package.

    In a Git repository that is there, it asks for a clean state, overwrites nothing, adds to
    dvc.yaml and the ignore files, and commits its own files alone.

    \b
    stemma init my-model                      a new folder, with Git, DVC and a first commit
    stemma init                               in the repository where you stand
    stemma init --subdir models/chat          in a folder of it
    stemma init --dry-run                     show what it would write
    """  # noqa: D301 (click wants the character, not two)
    import dataclasses

    from stemma.pages.printing import print_json
    from stemma.starting import project

    started = project.init(folder, name, subdir=subdir, dry_run=dry_run)
    if as_json:
        print_json({**dataclasses.asdict(started), "folder": str(folder)})
        return
    if dry_run or any(file.action != "new" for file in started.files):
        for file in sorted(started.files, key=lambda file: file.path):
            say(f"{file.action:8}  {file.path}")
    if dry_run:
        say(f"nothing is written: {started.name} would be started in {folder}")
        return
    say(f"{started.name} is started in {folder}, committed as {(started.commit or '')[:10]}")
    where = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    say(f"type `{where}dvc repro`")
