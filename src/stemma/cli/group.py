"""The ``stemma`` command: thin verbs for what DVC and Git lack."""

import importlib
import keyword
import os
import sys
from pathlib import Path
from typing import Any

import click

from stemma.cli.places import from_top
from stemma.errors import boundary
from stemma.store.errors import ProjectError
from stemma.streams import forgive

VERBS = (
    "approve", "attest", "bisect", "chat", "compose", "diff", "fetch", "forget", "fsck", "gates",
    "gc", "history", "import", "init", "key", "log", "merge-driver", "optimise", "promote",
    "recall", "register", "rollback", "serve", "show", "sign", "status", "trace", "update",
    "upgrade", "verify", "versions", "watch",
)  # fmt: skip
"""Each is a module here, in which it stands."""


class _Verb(click.Command):
    """Runs at the top of a project, where every path of a version begins."""

    def invoke(self, ctx: click.Context) -> object:
        here = Path.cwd()
        tops = (folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir())
        top = next(tops, here)
        if _is_bare(top):
            raise ProjectError(
                f"{here} is a bare repository, which has no working tree",
                f"`git clone {here.name}` beside it, and `dvc fetch` there",
            )
        if top != here:
            from_top(ctx, here, top)
            os.chdir(top)
        return super().invoke(ctx)


def _is_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and all(
        (folder / name).is_dir() for name in ("objects", "refs")
    )


class _Project(click.Group):
    """Runs every verb inside the one place where an error becomes a line."""

    command_class = _Verb

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        # Importing all of them takes longer than many a verb.
        if cmd_name in VERBS:
            module = cmd_name.replace("-", "_") + "_" * keyword.iskeyword(cmd_name)
            importlib.import_module(f"stemma.cli.{module}")
        return super().get_command(ctx, cmd_name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        forgive()  # the help too
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        with boundary("stemma", traceback=ctx.params["traceback"]):
            try:
                found = super().invoke(ctx)
                sys.stdout.flush()
            except BrokenPipeError:
                # Who reads has seen enough, as `head` has; Python would flush once more at the end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise SystemExit(1) from None
            return found


@click.group(cls=_Project, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stemma-lm")
@click.option("--traceback", is_flag=True, help="Show where an error came from.")
def main(traceback: bool) -> None:
    """Version control for language models, on Git and DVC.

    A Git commit and its DVC outputs are a model version. Rebuild one with `dvc repro`, try one with
    `dvc exp run -S key=value`, compare with `dvc metrics diff`, go back with `git checkout` and
    `dvc checkout`. The verbs below do what these lack.
    """
