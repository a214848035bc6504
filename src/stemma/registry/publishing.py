"""Tags that are written, and pushed all or none."""

from collections.abc import Sequence
from pathlib import Path

from stemma.store import tags
from stemma.store.errors import ProjectError


def remote_for(push: bool, root: Path) -> str | None:
    """Return the remote to push to, after its tags have been fetched; None if nothing is pushed.

    Raises:
        ProjectError: there is no remote, it does not answer, or a tag there is another one here.
    """
    if not push:
        return None
    remote = tags.remote_of(root)
    if remote is None:
        raise ProjectError(
            "there is no Git remote to push to", "`git remote add origin URL`, or leave --push out"
        )
    tags.fetch(remote, root)
    return remote


def publish(
    name: str, commit: str, message: str, time: int, remote: str | None, root: Path
) -> None:
    """Write a tag, and push it where a remote is named; where it is refused the tag goes again.

    Raises:
        ProjectError: there is one of this name already, here or there.
    """
    tags.write(name, commit, message, time, root)
    if remote is None:
        return
    try:
        tags.push([name], remote, root)
    except ProjectError as error:
        tags.delete([name], root)
        raise ProjectError(
            f"{name} could not be pushed to {remote}, and was taken back: {error.message}",
            "somebody may have been faster: `git fetch --tags`, `stemma versions`, and again",
        ) from error


def how_to_push(names: Sequence[str], root: Path) -> str | None:
    """Return the command that pushes tags; None where there is no remote."""
    remote = tags.remote_of(root)
    words = " ".join(f"'{name}'" for name in names)
    return f"git push --atomic {remote} {words}" if remote else None
