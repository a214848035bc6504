"""What changed between two versions, and whether that matters: all sections and the verdict."""

import dataclasses
import importlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from stemma.pages.blocks import Cell
from stemma.pages.page import ComparisonPage
from stemma.store.errors import MissingError, ProjectError
from stemma.store.lock import LOCK
from stemma.store.naming import resolve
from stemma.store.version import Version
from stemma.versions.differences import SECTIONS
from stemma.versions.differences.section import Alike, Section


@dataclasses.dataclass(frozen=True)
class Diff:
    """What differs between two versions.

    Attributes:
        a: name of the first version.
        b: name of the second version.
        commits: of each version its commit, date, author and subject; None if it is no commit.
        sections: the sections that differ, in the order of SECTIONS.
        alike: of each section that does not differ, whether it is equal or absent.
        missing: why a section could not be made, by its name.
        asked: names of the sections that were asked for.
    """

    a: str
    b: str
    commits: tuple[Mapping[str, str] | None, Mapping[str, str] | None]
    sections: tuple[Section, ...]
    alike: Mapping[str, Alike]
    missing: Mapping[str, str]
    asked: tuple[str, ...]

    @property
    def headline(self) -> tuple[Cell, ...]:
        """Whether the second version is better, or the same; empty if that is not known."""
        if not self.sections and not self.missing:
            return (Cell(self._sameness),)
        return next((section.headline for section in self._ranked if section.headline), ())

    @property
    def _sameness(self) -> str:
        equal = [name for name in self.asked if self.alike[name] is Alike.EQUAL]
        if not equal:
            return f"Neither {self.a} nor {self.b} has {' or '.join(self.asked)} to compare."
        if set(self.asked) < set(SECTIONS):
            # Nothing is known of the other sections.
            return f"{self.a} and {self.b} do not differ in {' or '.join(equal)}."
        return f"{self.a} and {self.b} are the same."

    @property
    def points(self) -> tuple[Cell, ...]:
        """The rest of the verdict in sentences: first the effect, then its causes."""
        told = [
            Cell(words) if isinstance(words, str) else words
            for section in self._ranked
            for words in section.words
        ]
        unknown: dict[str, list[str]] = {}
        for name, why in self.missing.items():
            unknown.setdefault(why, []).append(name)
        told += [Cell(f"Not known: {', '.join(names)}: {why}.") for why, names in unknown.items()]
        return tuple(told)

    @property
    def remark(self) -> str:
        """Which sections are equal, and which could not be compared; or ""."""
        if not self.sections and not self.missing:
            absent = [name for name in self.asked if self.alike[name] is Alike.ABSENT]
            some = set(self.asked) < set(SECTIONS) and len(absent) < len(self.asked)
            return f"{Alike.ABSENT.value}: {', '.join(absent)}." if absent and some else ""
        names = {kind: [name for name in self.alike if self.alike[name] is kind] for kind in Alike}
        return " ".join(f"{kind.value}: {', '.join(of)}." for kind, of in names.items() if of)

    @property
    def verdict(self) -> str:
        """What changed, and which effects are real, in one paragraph."""
        return " ".join(cell.text for cell in (*self.headline, *self.points))

    @property
    def _ranked(self) -> list[Section]:
        return sorted(self.sections, key=lambda section: not section.headline)

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain data, nothing rounded."""
        return {
            "a": self.a,
            "b": self.b,
            "commits": dict(zip("ab", self.commits, strict=True)),
            "verdict": self.verdict,
            "sections": {section.name: section.facts for section in self.sections},
            "equal": [name for name, why in self.alike.items() if why is Alike.EQUAL],
            "missing": self.missing,
        }

    def page(self) -> ComparisonPage:
        """Return it as a page for `stemma.pages` to draw."""
        lines = (
            f"{one['commit'][:10]}, {one['date']}, {one['author']}: {one['subject']}" if one else ""
            for one in self.commits
        )
        return ComparisonPage(
            f"{self.a} → {self.b}",
            tuple(zip((self.a, self.b), lines, strict=True)),
            self.headline,
            self.points,
            self.remark,
            {section.name: section.blocks for section in self.sections},
            self.missing,
        )


def diff(
    a: str | None = "HEAD",
    b: str | None = None,
    only: Collection[str] = SECTIONS,
    root: Path = Path(),
) -> Diff:
    """Compare two versions.

    Args:
        a: the first version, usually the older one: a name that `stemma.store.naming.resolve`
            knows, or None for the working tree.
        b: the second version, likewise.
        only: names of the sections that are wanted.
        root: the project's root.

    Raises:
        ProjectError: there is no such version, or a file of one cannot be read.
    """
    left, right = resolve(a, root), resolve(b, root)
    for version in (left, right):
        if version.has_reports and not version.is_version:
            raise ProjectError(
                f"{version.name} is no version: it has no {LOCK}",
                "`stemma log` shows what is; `dvc repro` builds one",
            )
    asked = tuple(name for name in SECTIONS if name in only)
    found, alike, missing = _compare(left, right, asked)
    commits = left.signed(), right.signed()
    return Diff(left.name, right.name, commits, tuple(found), alike, missing, asked)


def _compare(
    a: Version, b: Version, asked: Collection[str]
) -> tuple[list[Section], dict[str, Alike], dict[str, str]]:
    found: list[Section] = []
    alike: dict[str, Alike] = {}
    missing: dict[str, str] = {}
    for name in asked:
        # Each is imported only if it is wanted: some take a second.
        module = importlib.import_module(f"stemma.versions.differences.{name}")
        try:
            section = module.compare(a, b)
        except MissingError as error:
            missing[name] = str(error)
            continue
        if isinstance(section, Alike):
            alike[name] = section
        else:
            found.append(section)
    return found, alike, missing
