"""Lets Git write commits and tags also where it knows no user, as on servers and in CI."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemma.store.errors import ProjectError
from stemma.store.registry import user


@contextmanager
def somebody(name: str, root: Path) -> Iterator[None]:
    """Have Git name a program as author and committer, if it knows no user and nobody is set.

    Args:
        name: of the program, such as ``stemma serve``.
        root: the project.
    """
    try:
        user(root)
        added: dict[str, str] = {}
    except ProjectError:
        who = {"NAME": name, "EMAIL": f"{name.split()[-1]}@localhost"}
        wanted = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in who.items()
        }
        added = {key: value for key, value in wanted.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            del os.environ[key]
