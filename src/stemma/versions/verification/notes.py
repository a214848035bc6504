"""The verdicts of `stemma verify`, kept as Git notes: they touch no file, and travel by a push.

A note on a commit has a line of JSON per verification, so that the notes of two people merge with
``git notes merge -s cat_sort_uniq``.
"""

import dataclasses
import datetime
import json
from pathlib import Path

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.versions.verification.bounds import Bounds

REF = "refs/notes/stemma/verified"
_NOBODY = ["-c", "user.name=unknown", "-c", "user.email=unknown"]


@dataclasses.dataclass(frozen=True, order=True)
class VerdictNote:
    """What a note says of one verification of a whole version.

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


def add(commit: str, verdict: str, machine: str, bounds: Bounds, root: Path = Path()) -> None:
    """Note a verdict on a commit, as of now and by the user whom Git knows.

    Args:
        commit: the hash of the commit.
        verdict: exact, equivalent or different.
        machine: on which the version was rebuilt.
        bounds: within which it counted as equivalent.
        root: the project.

    Raises:
        ProjectError: Git cannot write the note.
    """
    by, as_nobody = _who(root)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    entry = VerdictNote(now, verdict, by, machine, bounds.metric, bounds.weight)
    line = json.dumps(dataclasses.asdict(entry), ensure_ascii=False)
    note = ["notes", "--ref", REF, "append", "-m", line, commit]
    git.run([*as_nobody, *note], root)


def read(commit: str, root: Path = Path()) -> list[VerdictNote]:
    """Return the verifications of a commit, the newest last.

    Raises:
        ProjectError: its note is not as `stemma verify` writes it.
    """
    told = git.run(["show", "--no-patch", "--format=%N", f"--notes={REF}", commit], root)
    try:
        return sorted(VerdictNote(**json.loads(line)) for line in told.splitlines() if line)
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
