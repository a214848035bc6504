"""What a version did over time: a window in equal parts."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from stemma.monitoring.watching.features import FAULTS, FEATURES
from stemma.monitoring.watching.requests import Request

PARTS = 24
_PER_TOKEN = next(one for one in FEATURES if one.name == "seconds_per_token").of_request


@dataclasses.dataclass(frozen=True)
class Part:
    """What came in a part of the window.

    Attributes:
        since: its beginning, in seconds since 1970.
        requests: how many.
        failures: of them that failed by the version's fault.
        seconds_per_token: median; None where there is none.
        first_token: median seconds; None where there is none.
        up: thumbs.
        down: thumbs.
    """

    since: float
    requests: int
    failures: int
    seconds_per_token: float | None
    first_token: float | None
    up: int
    down: int


def parts(requests: Sequence[Request], since: float, until: float) -> tuple[Part, ...]:
    """Return what came when."""
    width = (until - since) / PARTS
    bins: list[list[Request]] = [[] for _ in range(PARTS)]
    for one in requests:
        bins[min(PARTS - 1, max(0, int((one.record.time - since) / width)))].append(one)
    return tuple(_part(since + index * width, held) for index, held in enumerate(bins))


def _part(since: float, held: Sequence[Request]) -> Part:
    return Part(
        since, len(held), sum(one.record.failure in FAULTS for one in held),
        _median([_PER_TOKEN(one) for one in held]), _median([one.record.first for one in held]),
        sum(one.down is False for one in held), sum(one.down is True for one in held),
    )  # fmt: skip


def _median(values: Sequence[float | None]) -> float | None:
    told = [one for one in values if one is not None]
    return statistics.median(told) if told else None
