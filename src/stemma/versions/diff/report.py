"""The whole of a diff: each section that differs, what could not be read, and the verdict."""

import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

from stemma.errors import ProjectError
from stemma.versions.cache import MissingError
from stemma.versions.diff import SECTIONS
from stemma.versions.diff.section import Section
from stemma.versions.locks import LOCK
from stemma.versions.version import Version


@dataclasses.dataclass(frozen=True)
class Report:
    """What differs between two versions.

    Attributes:
        a: name of the first.
        b: name of the second.
        sections: those that differ, in the order of SECTIONS.
        missing: why a section could not be made, by its name.
        asked: the sections that were wanted.
    """

    a: str
    b: str
    sections: tuple[Section, ...]
    missing: dict[str, str]
    asked: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What changed and which effects are real, in one paragraph."""
        if not self.sections and not self.missing:
            if set(self.asked) < set(SECTIONS):
                # Of the others nothing is known.
                return f"{self.a} and {self.b} do not differ in {' or '.join(self.asked)}."
            return f"{self.a} and {self.b} are the same."
        words = [" ".join(section.words) for section in self.sections]
        unknown: dict[str, list[str]] = {}
        for name, why in self.missing.items():
            unknown.setdefault(why, []).append(name)
        told = [f"Not known: {', '.join(names)}: {why}." for why, names in unknown.items()]
        return " ".join([*words, *told])

    def facts(self) -> dict[str, Any]:
        """Return all of it for a script."""
        return {
            "a": self.a,
            "b": self.b,
            "verdict": self.verdict,
            "sections": {section.name: section.facts for section in self.sections},
            "missing": self.missing,
        }


def build(a: Version, b: Version, only: Sequence[str] = SECTIONS) -> Report:
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
    missing: dict[str, str] = {}
    asked = tuple(name for name in SECTIONS if name in only)
    for name in asked:
        module = importlib.import_module(f"stemma.versions.diff.{name}")
        try:
            section = module.compare(a, b)
        except MissingError as error:
            missing[name] = str(error)
            continue
        if section is not None:
            found.append(section)
    return Report(a.name, b.name, tuple(found), missing, asked)
