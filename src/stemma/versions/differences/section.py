"""What a section of a diff says, once: for the verdict, for ``--json`` and for every page."""

import dataclasses
import enum
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stemma.pages.blocks import Block, Cell, Text
from stemma.store.version import Version


@dataclasses.dataclass(frozen=True)
class Section:
    """One kind of difference between two versions.

    Attributes:
        name: of the section, as ``--only`` takes it.
        words: sentences for the verdict; the most important first.
        facts: what ``--json`` gives, nothing rounded.
        blocks: what people see.
        headline: whether the second version is better, for the beginning of the verdict.
    """

    name: str
    words: tuple[str | Cell, ...]
    facts: dict[str, Any]
    blocks: tuple[Block, ...]
    headline: tuple[Cell, ...] = ()


class Alike(enum.Enum):
    """Why there is no section."""

    EQUAL = "Equal"
    ABSENT = "Nothing to compare"


def sentence(subject: str, clauses: Iterable[str]) -> str:
    """Return one sentence that says several things about a subject."""
    return f"{subject}: {'; '.join(clauses)}."


def without(
    section: str, versions: tuple[Version, Version], has: tuple[bool, bool], file: Path, what: str
) -> Section | Alike:
    """Return the section on a file that only one version has.

    Args:
        section: name of the section.
        versions: the two versions.
        has: which of them have the file; at most one.
        file: the file, relative to the project's root.
        what: what cannot be compared without it, in the plural.

    Returns:
        ABSENT if neither version has the file, or if one of them is only a model.
    """
    if not any(has) or not all(version.has_reports for version in versions):
        return Alike.ABSENT
    name = versions[has.index(False)].name
    words = f"{name} has no {file}: there are no {what} to compare."
    return Section(section, (words,), {"without": name}, (Text(words),))
