"""The versions that hold a document, and those that descend from one whose weights learnt it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.corpus.split import TRAIN, VALIDATION
from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.versions.history.descent import Descent
from stemma.versions.history.names import names_of
from stemma.versions.history.records import Record, records
from stemma.versions.tracing.matching import Match

# Weights are fitted to the one and chosen by the other; of the test split they know nothing.
_LEARNT = (TRAIN, VALIDATION)


@dataclasses.dataclass(frozen=True)
class Trace:
    """A version that a document went into, directly or through its base.

    Attributes:
        commit: the full hash.
        refs: the tags, branches and experiments that name the version.
        date: when it was authored, YYYY-MM-DD.
        subject: the first line of the commit message.
        splits: the splits that the document is in; empty where it was dropped.
        matches: the rows of the version's manifest that hold the document, the closest first.
        through: the commits of the versions from which this one descends and whose weights learnt
            from the document, which stands in their train or validation split.
        method: how the version was trained (``train.method``); None if it does not say.
        makes: the paths of the models that the version made.
        unknown: why it cannot be told whether the version holds the document; None if it can.
    """

    commit: str
    refs: tuple[str, ...]
    date: str
    subject: str
    splits: tuple[str, ...]
    matches: tuple[Match, ...]
    through: tuple[str, ...]
    method: str | None
    makes: tuple[str, ...]
    unknown: str | None

    def facts(self) -> dict[str, Any]:
        """Return the version as ``stemma trace --json`` prints it."""
        return dataclasses.asdict(self)


def whole_history(root: Path = Path()) -> list[Record]:
    """Return all versions, newest first.

    Raises:
        ProjectError: this clone does not have all of them, so no answer would be complete.
    """
    if git.is_shallow(root):
        raise ProjectError(
            "this clone is shallow: it does not have the versions of before",
            "type `git fetch --unshallow`",
        )
    return records(["--all"], root)


def followed(
    found: Sequence[Record],
    matches: Mapping[str, tuple[Match, ...]],
    missing: Mapping[str, str],
    root: Path,
) -> list[Trace]:
    """Return the versions that hold a document and those that descend from them, newest first.

    Versions of which this cannot be told are included, with the reason.

    Args:
        found: all versions, newest first.
        matches: the rows of each version's manifest that hold the document, by commit.
        missing: why a version's manifest cannot be read, by commit.
        root: the project's root.

    Raises:
        ModelError: a base.json is torn.
    """
    descent = Descent(found, root)
    refs = names_of(found, root)
    learnt = {
        commit for commit, rows in matches.items() if any(row.split in _LEARNT for row in rows)
    }
    traces = []
    for record in found:
        commit = record.commit
        through = tuple(sorted(descent.ancestors(commit) & learnt))
        unknown = missing.get(commit) or descent.unknown.get(commit)
        rows = matches.get(commit, ())
        if rows or through or unknown:
            names = tuple(refs.get(commit, ()))
            traces.append(_trace(record, names, rows, through, unknown))
    return traces


def _trace(
    record: Record,
    refs: tuple[str, ...],
    matches: tuple[Match, ...],
    through: tuple[str, ...],
    unknown: str | None,
) -> Trace:
    return Trace(
        record.commit,
        refs,
        record.date,
        record.subject,
        tuple(sorted({match.split for match in matches if match.split})),
        matches,
        through,
        record.settings.get("train.method"),
        tuple(
            path
            for path in dict.fromkeys((record.declared.trained, record.declared.exported))
            if path in record.lock.outs
        ),
        unknown,
    )
