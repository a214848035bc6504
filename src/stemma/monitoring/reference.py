"""What evaluation kept of a version's test split, with which what it sees later is compared."""

from __future__ import annotations

import dataclasses
from typing import Any

from stemma.monitoring.features import Features
from stemma.monitoring.measured import WIDTH, Measured
from stemma.store.version import Version


@dataclasses.dataclass(frozen=True)
class Row:
    """A document of the test split, asked as a prompt.

    Attributes:
        prompt: what was asked.
        measured: what the model says of it; NaN is not known.
        features: of the prompt.
        completion_tokens: of its answer.
        finish: why the answer ended.
        refusal: whether it refuses.
        empty: whether it is white space, or nothing.
        answer: features of the answer; None if none came.
    """

    prompt: Any
    measured: Measured
    features: Features
    completion_tokens: int
    finish: str
    refusal: bool
    empty: bool
    answer: Features | None


@dataclasses.dataclass(frozen=True)
class Reference:
    """All of them.

    Attributes:
        rows: in the order of their places.
        common: tokens that are not rare.
        width: numbers of a state.
    """

    rows: tuple[Row, ...]
    common: frozenset[int] = frozenset()
    width: int = WIDTH


def read(version: Version) -> Reference | None:
    """Return the reference of a version; None if it has none."""
    return None
