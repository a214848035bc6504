"""The verdict on a version: from its outputs' rows to the first stage that diverges, and why."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from stemma.layout import PARAMS
from stemma.store.lock import Stage
from stemma.versions.verification.causes import STALE, STOPPED, LikelyCause
from stemma.versions.verification.claims import false_claims
from stemma.versions.verification.divergence import causes_of_divergence
from stemma.versions.verification.output_files import OutputFiles
from stemma.versions.verification.output_rows import OutputRow
from stemma.versions.verification.rebuild import Rebuild, absent
from stemma.versions.weights.distance import Distance

_INSIDE = ("exact", "equivalent", "follows", "not compared")


@dataclasses.dataclass(frozen=True)
class Verification:
    """The verdict on a version, and what it rests on.

    Attributes:
        commit: the hash of the commit.
        rows: one for each output.
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
    rows: tuple[OutputRow, ...]
    first: str | None = None
    output: str | None = None
    weights: Distance | None = None
    findings: tuple[LikelyCause, ...] = ()
    remarks: tuple[str, ...] = ()
    repeated: tuple[str, ...] | None = None
    machine: str = ""
    worktree: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether the rebuild stopped, so that it says nothing of the version."""
        return any(found.cause == STOPPED for found in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def judge(
    commit: str,
    rows: Sequence[OutputRow],
    version: Mapping[str, Stage],
    result: Rebuild,
    files: OutputFiles,
) -> Verification:
    """Return the verdict on a version.

    An input that is not what dvc.lock claims makes a version ``different`` even if every output is
    the same: the version does not say truly what it was made of.

    Args:
        commit: the hash of the commit.
        rows: one for each output, in the order of the stages.
        version: the stages in dvc.lock, by name.
        result: the rebuild.
        files: where the outputs of both are.
    """
    names = list(dict.fromkeys(row.stage for row in rows))
    claims = {name: _claims(name, version, result, files) for name in names}
    apart = {row.stage for row in rows if row.status != "exact"}
    diverged = [name for name in names if claims[name] or name in apart]
    if not diverged:
        return Verification(commit, "exact", tuple(rows))
    # The settings themselves differ with every setting; what says more is the stage that reads it.
    makers = [row.stage for row in rows if row.output != PARAMS.as_posix()]
    first = next((name for name in diverged if name in makers), diverged[0])
    if result.failed and not result.stages:  # nothing was built: one stage is the reason for all
        first = result.failed
    own = [row for row in rows if row.stage == first and row.status != "exact"]
    findings = claims[first] or _unexplained(own[0], version, result, files)
    false = any(finding.claim for found in (*claims.values(), findings) for finding in found)
    # That metrics or export are those of other weights is told whatever diverges before them.
    later = (found for name in names if name != first for found in claims[name])
    findings = (*findings, *(found for found in later if found.cause == STALE))
    inside = all(row.status in _INSIDE for row in rows) and not false
    return Verification(
        commit,
        "equivalent" if inside else "different",
        tuple(rows),
        first,
        own[0].output if own else None,
        next((row.weights for row in rows if row.weights), None),
        findings,
    )


def _claims(
    name: str, version: Mapping[str, Stage], result: Rebuild, files: OutputFiles
) -> list[LikelyCause]:
    if name == result.failed:
        made = {out.path for stage in version.values() for out in stage.outs}
        gone = absent(version[name], files.tree, made) if name in version else []
        lines = [f"{name} depends on {path}, and the commit does not have it" for path in gone]
        return [LikelyCause("not committed", line) for line in lines] or [
            LikelyCause(STOPPED, result.reason)
        ]
    built = {stage.name: stage for stage in result.stages}
    if name not in built:
        return []
    if name not in version:
        return [LikelyCause("dvc.lock", f"dvc.yaml has the stage {name}, dvc.lock does not")]
    return list(false_claims(name, version, built, files))


def _unexplained(
    row: OutputRow, version: Mapping[str, Stage], result: Rebuild, files: OutputFiles
) -> list[LikelyCause]:
    rebuilt = next((stage for stage in result.stages if stage.name == row.stage), None)
    if rebuilt is None:
        return [LikelyCause("code", f"dvc.yaml has no stage {row.stage}")]
    return causes_of_divergence(row, version[row.stage], rebuilt, version, files)
