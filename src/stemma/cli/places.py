"""Paths that a user types, in a folder of a project that need not be its top.

Every verb runs at the top, where the paths of versions begin; as with Git and DVC, a path that is
typed begins where the user stands.
"""

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource


class _File(click.ParamType):
    """A file or folder of the user's."""

    name = "file"


class _Version(click.ParamType):
    """What may be the name of a version, or a file or folder."""

    name = "version"


FILE = _File()
VERSION = _Version()


def from_top(ctx: click.Context, here: Path, top: Path) -> None:
    """Let the paths among the parameters of a verb begin at the top of the project.

    Args:
        ctx: of the verb; its parameters are changed.
        here: where the user stands, below ``top``.
        top: of the project.
    """
    for param in ctx.command.params:
        name = param.name or ""
        if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if isinstance(param.type, _File | click.Path):
            ctx.params[name] = _each(ctx.params[name], lambda one: _moved(one, here, top))
        elif isinstance(param.type, _Version):
            ctx.params[name] = _each(ctx.params[name], lambda one: _version(one, here, top))


def _each(value: Any, move: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(move, value))
    return value if value is None else move(value)


def _moved(path: Any, here: Path, top: Path) -> Any:
    # Of the type that the verb expects.
    return path if Path(path).is_absolute() else type(path)(os.path.relpath(here / path, top))


def _version(word: str, here: Path, top: Path) -> str:
    from stemma.store import git, refs

    revision, colon, output = word.partition(":")
    if colon and output.startswith(("./", "../")):
        # As Git has it.
        return f"{revision}:{_moved(output, here, top)}"
    is_name = git.is_repository(top) and refs.find(word, top)
    return _moved(word, here, top) if not is_name and (here / word).exists() else word
