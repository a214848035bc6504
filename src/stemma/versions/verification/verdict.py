"""From rows to the verdict: the first stage that diverges, and why."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

from stemma.layout import PARAMS
from stemma.store.lock import Stage
from stemma.versions.verification import causes
from stemma.versions.verification.causes import Finding
from stemma.versions.verification.rebuild import Rebuilt, absent
from stemma.versions.verification.rows import Bounds, Row, Sides, follow, rows_of
from stemma.versions.weights.distance import Distance

_INSIDE = ("exact", "equivalent", "follows", "not compared")


@dataclasses.dataclass(frozen=True)
class Report:
    """The verdict on a version, and what it rests on.

    Attributes:
        first: the first stage that diverges; None if all is exact.
        output: its first output that does; None if only an input is not what dvc.lock claims.
        weights: how far the first tensors that differ are apart.
        findings: why the first stage diverges.
        remarks: what else a reader should know.
        repeated: outputs in which two rebuilds on this machine differ; None if it was made once.
        machine: on which it was rebuilt.
        worktree: where the rebuild was kept; None if it was not.
    """

    commit: str
    verdict: Literal["exact", "equivalent", "different"]
    rows: list[Row]
    first: str | None
    output: str | None
    weights: Distance | None
    findings: list[Finding]
    remarks: list[str] = dataclasses.field(default_factory=list)
    repeated: list[str] | None = None
    machine: str = ""
    worktree: str | None = None


def compare(
    names: Iterable[str],
    version: Mapping[str, Stage],
    result: Rebuilt,
    sides: Sides,
    bounds: Bounds,
) -> list[Row]:
    """Return a row for each output of the named stages, in their order."""
    after = {stage.name: stage for stage in result.stages}
    rows = [
        row for name in names for row in rows_of(version.get(name), after.get(name), sides, bounds)
    ]
    return [
        dataclasses.replace(
            row, note="; ".join(filter(None, (row.note, result.missing.get(row.output))))
        )
        for row in follow(rows, after)
    ]


def judge(
    commit: str, rows: list[Row], version: Mapping[str, Stage], result: Rebuilt, sides: Sides
) -> Report:
    """Return the verdict.

    An input that is not what dvc.lock claims makes a version ``different`` even if every output is
    the same: the version does not say truly what it was made of.
    """
    names = list(dict.fromkeys(row.stage for row in rows))
    claims = {name: _claims(name, version, result, sides) for name in names}
    apart = {row.stage for row in rows if row.status != "exact"}
    diverged = [name for name in names if claims[name] or name in apart]
    if not diverged:
        return Report(commit, "exact", rows, None, None, None, [])
    # The settings themselves differ with every setting; what says more is the stage that reads it.
    makers = [row.stage for row in rows if row.output != PARAMS.as_posix()]
    first = next((name for name in diverged if name in makers), diverged[0])
    if result.failed and not result.stages:  # nothing was built: one stage is the reason for all
        first = result.failed
    own = [row for row in rows if row.stage == first and row.status != "exact"]
    findings = claims[first] or _unexplained(own[0], version, result, sides)
    false = any(finding.claim for found in (*claims.values(), findings) for finding in found)
    # That figures or export are those of other weights is told whatever diverges before them.
    later = (found for name in names if name != first for found in claims[name])
    findings = [*findings, *(found for found in later if found.cause == causes.STALE)]
    inside = all(row.status in _INSIDE for row in rows) and not false
    return Report(
        commit,
        "equivalent" if inside else "different",
        rows,
        first,
        own[0].output if own else None,
        next((row.weights for row in rows if row.weights), None),
        findings,
    )


def _claims(
    name: str, version: Mapping[str, Stage], result: Rebuilt, sides: Sides
) -> list[Finding]:
    if name == result.failed:
        made = {out.path for stage in version.values() for out in stage.outs}
        gone = absent(version[name], sides.tree, made) if name in version else []
        lines = [f"{name} depends on {path}, and the commit does not have it" for path in gone]
        return [Finding("not committed", line) for line in lines] or [
            Finding("stopped", result.reason)
        ]
    built = {stage.name: stage for stage in result.stages}
    if name not in built:
        return []
    if name not in version:
        return [Finding("dvc.lock", f"dvc.yaml has the stage {name}, dvc.lock does not")]
    return list(causes.of_claims(name, version, built, sides))


def _unexplained(
    row: Row, version: Mapping[str, Stage], result: Rebuilt, sides: Sides
) -> list[Finding]:
    rebuilt = next((stage for stage in result.stages if stage.name == row.stage), None)
    if rebuilt is None:
        return [Finding("code", f"dvc.yaml has no stage {row.stage}")]
    return causes.of_output(row, version[row.stage], rebuilt, version, sides)
