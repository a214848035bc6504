"""The digest of a model: SHA-256 over the names and the bytes of its files."""

import hashlib
from collections.abc import Mapping

from stemma.files import sha256_of
from stemma.store.errors import MissingError, ProjectError
from stemma.store.version import Version


def files_of(version: Version, output: str) -> dict[str, str]:
    """Return the SHA-256 of each file of an output by path in it, read where it is kept.

    Raises:
        MissingError: the version has no such output, or its bytes are nowhere.
        ProjectError: it has files of Git's, which signers and packers skip.
    """
    paths = version.files(output)
    if not paths:
        raise MissingError(f"{version.name} has no {output}", "`dvc repro` makes it")
    if hidden := [path for path in paths if _is_of_git(path)]:
        raise ProjectError(
            f"{output} of {version.name} holds {min(hidden)}, which signers and packers skip",
            "take it out of the export, and build it anew",
        )
    return {path: sha256_of(version.path(output, path)) for path in sorted(paths)}


def digest_of(files: Mapping[str, str]) -> str:
    """Return the SHA-256 of a listing as `sha256sum` prints it, sorted by path.

    Args:
        files: the SHA-256 of each file by its path.
    """
    listing = "".join(f"{files[path]}  {path}\n" for path in sorted(files))
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()


def _is_of_git(path: str) -> bool:
    return any(part.startswith(".git") for part in path.split("/"))
