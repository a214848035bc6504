"""Small JSON files that DVC keeps of a version: read where they are at hand, else noted."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from stemma import merging
from stemma.store.errors import MissingError, ProjectError
from stemma.store.version import Version

Read = TypeVar("Read")
_AGAIN = "`dvc repro` writes it again"


class Kept:
    """Reads JSON files of outputs.

    Attributes:
        missing: why a file that the version has cannot be read, by its path.
    """

    def __init__(self, version: Version) -> None:
        self._version = version
        self.missing: dict[str, str] = {}

    def asked(self, path: str, read: Callable[[], Read | None]) -> Read | None:
        """Return what is read of a file; None, and why in ``missing``, if its bytes are nowhere."""
        try:
            return read()
        except MissingError as error:
            self.missing[path] = str(error)
            return None

    def read(self, output: str, file: str, *keys: str) -> dict[str, Any] | None:
        """Return what a file holds; None if the version has none, or its bytes are missing.

        Raises:
            ProjectError: it is torn, or lacks one of the keys.
        """
        path = f"{output}/{file}"
        raw = self.asked(path, lambda: self._version.content(output, file))
        return None if raw is None else json_of(raw, f"{path} of {self._version.name}", *keys)


def json_of(raw: bytes, owner: str, *keys: str) -> dict[str, Any]:
    """Return what a JSON file holds; ``owner`` is what it is, for the error.

    Raises:
        ProjectError: it is torn, holds no object, or lacks one of the keys.
    """
    if merging.has_marks(raw):
        raise ProjectError(f"{owner} has the marks of an unfinished merge", _AGAIN)
    try:
        content = json.loads(raw)
    except ValueError as error:
        raise ProjectError(f"{owner} is torn: {error}", _AGAIN) from error
    if not isinstance(content, dict):
        raise ProjectError(f"{owner} holds no JSON object", _AGAIN)
    for key in keys:
        if key not in content:
            raise ProjectError(f"{owner} has no key '{key}'", _AGAIN)
    return content
