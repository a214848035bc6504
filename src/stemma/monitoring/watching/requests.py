"""The requests of a version, with what was measured and said of each; samples of a fixed size."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from stemma.monitoring import reading
from stemma.monitoring.measured import Measured
from stemma.monitoring.records import Record

_AHEAD = 40  # times the sample, which are looked at for the first requests that say something


@dataclasses.dataclass(frozen=True)
class Request:
    """A request, and what else is known of it.

    Attributes:
        record: what was recorded.
        measured: what the model says of its prompt; None of most.
        down: whether the thumb on its answer is down; None where there is none.
    """

    record: Record
    measured: Measured | None = None
    down: bool | None = None


def within(path: Path, since: float, until: float) -> list[Request]:
    """Return the requests of all versions from since to until, in seconds since 1970.

    Answers of a shadow, which nobody has asked for, are left out.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    return _joined(path, reading.records(path, since, until), since, until)


def earliest(path: Path, version: str, sample: int) -> list[Request]:
    """Return the first requests of a version that are still recorded, some times the sample.

    Raises:
        ProjectError: there is no such store, or it is torn.
    """
    rows = itertools.islice(reading.records(path, version=version), _AHEAD * sample)
    return _joined(path, rows, 0.0, None, version)


def drawn(
    requests: Iterable[Request], value: Callable[[Request], Any], size: int
) -> list[tuple[Request, Any]] | None:
    """Return as many requests that have a value, and it; None if there are not as many.

    Of each asker no more than needed; which, the hash of their ids decides: a request that is drawn
    at one look is likely to be at the next, and nobody's clock or traffic decides.

    Args:
        requests: from which to draw.
        value: of a request; None where it has none.
        size: how many.
    """
    valued = [(one, found) for one in requests if (found := value(one)) is not None]
    if len(valued) < size:
        return None
    turns: Counter[str] = Counter()
    keyed = []
    for one, found in sorted(valued, key=lambda pair: _hash(pair[0])):
        keyed.append((turns[one.record.who], _hash(one), one, found))
        turns[one.record.who] += 1
    keyed.sort(key=lambda item: item[:2])
    return [(one, found) for _, _, one, found in keyed[:size]]


def first(
    requests: Sequence[Request], value: Callable[[Request], Any], size: int
) -> list[tuple[Request, Any]] | None:
    """Return the first requests that have a value, and it; None if there are not as many."""
    valued = ((one, found) for one in requests if (found := value(one)) is not None)
    found = list(itertools.islice(valued, size))
    return found if len(found) == size else None


def _hash(one: Request) -> str:
    return hashlib.sha256(one.record.id.encode("utf-8", "surrogatepass")).hexdigest()


def _joined(
    path: Path, rows: Iterable[Record], since: float, until: float | None,
    version: str | None = None,
) -> list[Request]:  # fmt: skip
    records = [one for one in rows if one.role != "shadow"]
    if not records:
        return []
    last = until if until is not None else 1 + max(one.time for one in records)
    measured = dict(reading.measured(path, since, last, version))
    thumbs = {one.response_id: one.thumb == "down"
              for one in reading.feedbacks(path, since) if one.thumb}  # fmt: skip
    return [Request(one, measured.get(one.id), thumbs.get(one.id)) for one in records]
