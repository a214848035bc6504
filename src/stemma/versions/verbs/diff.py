"""The whole of a diff: each section that differs, what could not be read, and the verdict."""

import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

from stemma.pages.blocks import Alike, Cell, Section
from stemma.store.errors import MissingError, ProjectError
from stemma.store.lock import LOCK
from stemma.store.version import Version
from stemma.versions.differences import SECTIONS


@dataclasses.dataclass(frozen=True)
class Report:
    """What differs between two versions.

    Attributes:
        a: name of the first.
        b: name of the second.
        commits: of each the commit, date, author and subject; None for what is no commit.
        sections: those that differ, in the order of SECTIONS.
        alike: why there is none of the others, by its name.
        missing: why a section could not be made, by its name.
        asked: the sections that were wanted.
    """

    a: str
    b: str
    commits: tuple[dict[str, str] | None, dict[str, str] | None]
    sections: tuple[Section, ...]
    alike: dict[str, Alike]
    missing: dict[str, str]
    asked: tuple[str, ...]

    @property
    def names(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The name of each side, and its commit, date, author and subject in one line."""
        left, right = (
            f"{one['commit'][:10]}, {one['date']}, {one['author']}: {one['subject']}" if one else ""
            for one in self.commits
        )
        return (self.a, left), (self.b, right)

    @property
    def headline(self) -> tuple[Cell, ...]:
        """Whether the second is better, or that they are the same; empty where it is not known."""
        if not self.sections and not self.missing:
            if set(self.asked) < set(SECTIONS):
                # Of the others nothing is known.
                words = f"{self.a} and {self.b} do not differ in {' or '.join(self.asked)}."
            else:
                words = f"{self.a} and {self.b} are the same."
            return (Cell(words),)
        return next((section.headline for section in self._weighed if section.headline), ())

    @property
    def points(self) -> tuple[Cell, ...]:
        """What else there is to say, in sentences: of the effect first, and then of its causes."""
        told = [
            Cell(words) if isinstance(words, str) else words
            for section in self._weighed
            for words in section.words
        ]
        unknown: dict[str, list[str]] = {}
        for name, why in self.missing.items():
            unknown.setdefault(why, []).append(name)
        told += [Cell(f"Not known: {', '.join(names)}: {why}.") for why, names in unknown.items()]
        return tuple(told)

    @property
    def rest(self) -> str:
        """Which sections there are not, and why."""
        if not self.sections and not self.missing:
            return ""
        names = {kind: [name for name in self.alike if self.alike[name] is kind] for kind in Alike}
        return " ".join(f"{kind.value}: {', '.join(of)}." for kind, of in names.items() if of)

    @property
    def verdict(self) -> str:
        """What changed and which effects are real, in one paragraph."""
        return " ".join(cell.text for cell in (*self.headline, *self.points))

    @property
    def _weighed(self) -> list[Section]:
        return sorted(self.sections, key=lambda section: not section.headline)

    def facts(self) -> dict[str, Any]:
        """Return all of it for a script."""
        return {
            "a": self.a,
            "b": self.b,
            "commits": dict(zip("ab", self.commits, strict=True)),
            "verdict": self.verdict,
            "sections": {section.name: section.facts for section in self.sections},
            "equal": [name for name, why in self.alike.items() if why is Alike.EQUAL],
            "missing": self.missing,
        }


def build(a: Version, b: Version, only: Sequence[str] = tuple(SECTIONS)) -> Report:
    """Compare two versions.

    Args:
        a: the first, usually the older one.
        b: the second.
        only: the sections that are wanted.

    Raises:
        ProjectError: what is at hand cannot be read, or is no version.
    """
    for version in (a, b):
        if version.has_reports and version.read(LOCK) is None:
            raise ProjectError(
                f"{version.name} is no version: it has no {LOCK}",
                "`stemma log` shows what is; `dvc repro` builds one",
            )
    found: list[Section] = []
    alike: dict[str, Alike] = {}
    missing: dict[str, str] = {}
    asked = tuple(name for name in SECTIONS if name in only)
    for name in asked:
        module = importlib.import_module(f"stemma.versions.differences.{SECTIONS[name]}")
        try:
            section = module.compare(a, b)
        except MissingError as error:
            missing[name] = str(error)
            continue
        if isinstance(section, Alike):
            alike[name] = section
        else:
            found.append(section)
    commits = a.signed(), b.signed()
    return Report(a.name, b.name, commits, tuple(found), alike, missing, asked)
