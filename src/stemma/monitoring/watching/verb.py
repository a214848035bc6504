"""Compares the requests of a version with its reference."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stemma.errors import SettingsError
from stemma.monitoring import reading, reference
from stemma.monitoring.reference import Reference
from stemma.monitoring.store import FILE
from stemma.monitoring.watching import requests, settings
from stemma.monitoring.watching.comparing import Evidence, compare
from stemma.monitoring.watching.hours import Part, parts
from stemma.monitoring.watching.judging import Against, Finding
from stemma.monitoring.watching.subject import subject
from stemma.store.errors import ProjectError
from stemma.store.version import Commit

DAY = 86_400.0
EVERY = 600.0
_LATE = 60.0  # seconds by which a clock may be off, or a slow request stand behind a quick one


@dataclasses.dataclass(frozen=True)
class Column:
    """What is found of a version.

    Attributes:
        version: its name.
        role: ``current`` or ``canary``; ``current`` of a version that was asked for by name.
        requests: in the window.
        findings: of each feature.
        parts: what came when.
    """

    version: str
    role: str
    requests: int
    findings: tuple[Finding, ...]
    parts: tuple[Part, ...]


@dataclasses.dataclass(frozen=True)
class Watch:
    """What is found at a look.

    Attributes:
        stage: that was looked at.
        since: beginning of the window, in seconds since 1970.
        until: its end; a look at any time until the next one has the same.
        every: seconds between two looks.
        level: below which p-value a test alarms.
        false_alarms_per_month: which that level keeps, of each version, at most.
        columns: the version, and the canary if one runs.
        remarks: a sentence each.
    """

    stage: str
    since: float
    until: float
    every: float
    level: float
    false_alarms_per_month: float
    columns: tuple[Column, ...]
    remarks: tuple[str, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """A sentence for each: what has drifted, and what to do."""
        return tuple(
            f"{column.version}: {one.label} drifted"
            f"{f' ({one.why})' if one.why else ''}: {one.advice.format(stage=self.stage)}"
            for column in self.columns for one in column.findings if one.alarms
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Return it as a dictionary."""
        return dataclasses.asdict(self) | {"alarms": list(self.alarms)}


def watch(
    stage: str = "prod", version: str | None = None, window: float = DAY,
    against: Against = "evaluation", every: float = EVERY, now: float | None = None,
    root: Path = Path(),
) -> Watch:  # fmt: skip
    """Compare what a version has seen and said with its reference.

    Args:
        stage: on which the version stands.
        version: its name, if it is not that on the stage; also that of a folder that is served.
        window: seconds.
        against: with what evaluation kept, or with the version's own first requests.
        every: seconds between two looks; the window ends at the last multiple of them.
        now: seconds since 1970; by default the clock's.
        root: the project.

    Raises:
        ProjectError: there are no records, or they are torn; there is no such version.
        SettingsError: conf/watch.yaml is not right, or the window is shorter than a look.
    """
    if not 0 < every <= window:
        raise SettingsError(
            "the window must be at least as long as the time between two looks",
            "raise --window or lower --every",
        )
    bounds, path = settings.read(root), root / FILE
    name, commit = subject(root, path, stage, version)
    now = time.time() if now is None else now
    until = math.floor(now / every) * every
    since = until - window
    held = requests.within(path, since, until)
    remarks = _clock(path, held, now)
    columns = []
    for one, role, at in [(name, "current", commit), *_canary(held, name)]:
        own = [r for r in held if r.record.version == one]
        kept, why = _reference(root, one, at)
        if against == "evaluation":
            remarks += why
        evidence = Evidence(
            own, requests.earliest(path, one, bounds.sample),
            list(reading.probes(path, since, until, one)), kept,
        )  # fmt: skip
        findings = compare(evidence, against, bounds, bounds.level(every))
        columns.append(Column(one, role, len(own), findings, parts(own, since, until)))
        if not own:
            remarks.append(f"{one} was asked nothing in the window: nothing can be told.")
    return Watch(
        stage, since, until, every, bounds.level(every), bounds.false_alarms_per_month,
        tuple(columns), tuple(remarks),
    )  # fmt: skip


def _canary(held: Sequence[requests.Request], name: str) -> list[tuple[str, str, str | None]]:
    found = [one.record for one in held if one.record.role == "canary"]
    if not found or found[-1].version == name:
        return []
    return [(found[-1].version, "canary", found[-1].commit)]


def _reference(root: Path, name: str, commit: str | None) -> tuple[Reference | None, list[str]]:
    """Return what evaluation kept of a version, and why that is nothing."""
    if commit is None:
        return None, [f"{name} is a folder: it is compared with its own first requests only."]
    try:
        found = reference.read(Commit(name, commit, root))
    except ProjectError as error:
        return None, [f"The reference of {name} cannot be read: {error}."]
    told = f"{name} has no reference: it is compared with its own first requests only."
    return found, [] if found else [told]


def _clock(path: Path, held: Sequence[requests.Request], now: float) -> list[str]:
    if next(reading.records(path, now + _LATE), None):
        return ["Records have times that are still to come: the clock was set back. They count "
                "once it is that late."]  # fmt: skip
    latest = -math.inf
    for one in held:
        if one.record.time < latest - _LATE:
            return ["The clock was set back in the window: it holds requests of another time."]
        latest = max(latest, one.record.time)
    return []
