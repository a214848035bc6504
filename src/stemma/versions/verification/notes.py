"""The verdicts of `stemma verify`, kept as Git notes: they touch no file, and travel by a push.

A note on a commit has a line of JSON per verification, so that the notes of two people merge with
``git notes merge -s cat_sort_uniq``.
"""

import dataclasses
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING

from stemma.store import git
from stemma.store.errors import ProjectError

if TYPE_CHECKING:
    from stemma.versions.verification.rows import Bounds
    from stemma.versions.verification.verdict import Report

REF = "refs/notes/stemma/verified"
_STOPPED = "stopped"
_NOBODY = ["-c", "user.name=unknown", "-c", "user.email=unknown"]


@dataclasses.dataclass(frozen=True, order=True)
class Verified:
    """One verification of a whole version.

    Attributes:
        time: in UTC, as ISO 8601 writes it.
        verdict: exact, equivalent or different.
        by: who verified, as Git knows them.
        machine: on which the version was rebuilt.
        metric_bound: within which metrics counted as equivalent.
        weight_bound: the same of weights.
    """

    time: str
    verdict: str
    by: str
    machine: str
    metric_bound: float
    weight_bound: float


def keep(report: "Report", bounds: "Bounds", root: Path = Path()) -> None:
    """Note a verdict on its commit; not that of a rebuild that stopped, which says nothing of it.

    Raises:
        ProjectError: Git cannot write the note.
    """
    if any(finding.cause == _STOPPED for finding in report.findings):
        return
    by, as_nobody = _who(root)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    entry = Verified(now, report.verdict, by, report.machine, bounds.metric, bounds.weight)
    line = json.dumps(dataclasses.asdict(entry), ensure_ascii=False)
    note = ["notes", "--ref", REF, "append", "-m", line, report.commit]
    git.run([*as_nobody, *note], root)


def read(commit: str, root: Path = Path()) -> list[Verified]:
    """Return the verifications of a commit, the newest last.

    Raises:
        ProjectError: its note is not as `stemma verify` writes it.
    """
    told = git.run(["show", "--no-patch", "--format=%N", f"--notes={REF}", commit], root)
    try:
        return sorted(Verified(**json.loads(line)) for line in told.splitlines() if line)
    except (ValueError, TypeError) as error:
        raise ProjectError(
            f"the Git note on {commit[:10]} in {REF} cannot be read: {error}",
            f"`git notes --ref {REF} edit {commit[:10]}` mends it",
        ) from error


def _who(root: Path) -> tuple[str, list[str]]:
    """Return the user's name, and what Git must be told where it knows none, as in CI."""
    try:
        name = git.run(["var", "GIT_COMMITTER_IDENT"], root).partition(" <")[0]
    except ProjectError:
        return "unknown", _NOBODY
    return name, []
