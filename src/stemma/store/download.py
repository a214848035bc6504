"""Brings an output of a commit of another repository here, as `dvc get` does."""

from pathlib import Path

from stemma import storage
from stemma.store.errors import MissingError


def download(source: str, output: str, commit: str, target: Path) -> None:
    """Copy an output into a folder that is not there yet, from the repository's cache or remote.

    Args:
        source: URL or path of the repository.
        output: path of the output in it.
        commit: the hash of the commit.
        target: the folder.

    Raises:
        MissingError: it is not there, or cannot be read.
    """
    from dvc.repo import Repo

    try:
        Repo.get(source, output, out=str(target), rev=commit)
    except Exception as error:
        if not storage.is_failure(error):
            raise
        cause = error.__cause__
        told, hint = storage.explain(cause if isinstance(cause, Exception) else error)
        raise MissingError(
            f"{output} of {commit[:10]} cannot be fetched from {source}: {told}",
            hint or "has it been pushed there (`dvc push`), and may you read its remote?",
        ) from error
