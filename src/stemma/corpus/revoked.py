"""data/revoked.jsonl: the documents that nothing may be trained on any more, and why.

Before the first of them the file has an empty line: DVC warns about empty files at every command.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from stemma import lfs, merging
from stemma.errors import DataError
from stemma.layout import REVOKED

_BOTH = "; keep the lines of both sides: one alone forgets what the other has revoked"


@dataclasses.dataclass(frozen=True)
class Revocation:
    """One line of the file.

    Attributes:
        id: of the document.
        sha256: of its normalised text; an id whose text changed has a line for each.
        why: the reason, in the words of whoever revoked it.
    """

    id: str
    sha256: str
    why: str


@dataclasses.dataclass(frozen=True)
class Revoked:
    """Why documents are revoked, by id and by the SHA-256 of the text that they had."""

    ids: Mapping[str, str]
    hashes: Mapping[str, str]

    @classmethod
    def of(cls, entries: Iterable[Revocation]) -> "Revoked":
        """Return the entries as a look-up."""
        listed = list(entries)
        return cls({one.id: one.why for one in listed}, {one.sha256: one.why for one in listed})

    def reason(self, identifier: str, sha256: str) -> str | None:
        """Return why a document is dropped; None if it may stay."""
        why = self.ids.get(identifier) or self.hashes.get(sha256)
        return f"revoked: {why}" if why else None


NOTHING = Revoked({}, {})


def read(path: Path) -> list[Revocation]:
    """Return the lines of the file; none if there is no such file.

    Raises:
        DataError: the file is a pointer of Git LFS, or a line is malformed; the message numbers it.
    """
    if not path.exists():
        return []
    lfs.refuse_file(path, DataError)
    content = path.read_bytes()
    merging.check(content, REVOKED.as_posix(), DataError, _BOTH)
    lines = content.splitlines()
    return [_entry(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line]


def _entry(line: bytes, where: str) -> Revocation:
    try:
        entry = Revocation(**json.loads(line))
        if not all(isinstance(value, str) and value for value in dataclasses.astuple(entry)):
            raise TypeError("id, sha256 and why are texts, and not empty")
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{where} cannot be read: {error}",
            'lines are {"id": …, "sha256": …, "why": …}, as `stemma forget` writes them',
        ) from error
    return entry
