"""What people say of an answer."""

from __future__ import annotations

import dataclasses
from typing import Literal

from stemma.errors import StemmaError

Thumb = Literal["up", "down"]


class FeedbackError(StemmaError):
    """Feedback that is not taken."""


class UnknownAnswerError(FeedbackError):
    """There is no record of the answer."""


class SecondFeedbackError(FeedbackError):
    """There is feedback on the answer already."""


class AnothersAnswerError(FeedbackError):
    """Another key had asked."""


class UnavailableError(FeedbackError):
    """Nothing can be written at the moment."""


@dataclasses.dataclass(frozen=True)
class Feedback:
    """What somebody says of an answer.

    Attributes:
        response_id: of the answer.
        time: in seconds since 1970.
        thumb: whether it was good; None if it is not said.
        label: a word for it.
        correction: what it should have been; masked where it is stored.
        comment: on it; masked where it is stored.
    """

    response_id: str
    time: float
    thumb: Thumb | None = None
    label: str | None = None
    correction: str | None = None
    comment: str | None = None
