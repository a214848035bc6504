"""A page that compares two things, as plain data: what the terminal, Markdown and HTML draw."""

import dataclasses
from collections.abc import Mapping

from stemma.pages.blocks import Block, Cell


@dataclasses.dataclass(frozen=True)
class ComparisonPage:
    """A page of sections under a verdict.

    Attributes:
        title: one line.
        subjects: the name of each thing that is compared, and one line about it or "".
        headline: the verdict in a sentence or two.
        points: what else the verdict says, a sentence each.
        remark: a last sentence about what has no section; or "".
        sections: blocks by the name of their section, in the order in which they are shown.
        missing: why a section could not be made, by its name.
    """

    title: str
    subjects: tuple[tuple[str, str], ...]
    headline: tuple[Cell, ...]
    points: tuple[Cell, ...]
    remark: str
    sections: Mapping[str, tuple[Block, ...]]
    missing: Mapping[str, str]
