"""Which versions were trained on a record, in which split, and which descend from those."""

import dataclasses
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from rich.table import Table

from stemma import lfs
from stemma.corpus.cleaning.normalise import normalise
from stemma.corpus.split import TRAIN, VALIDATION
from stemma.pages import printing
from stemma.store import git
from stemma.store.declared import CONVENTION
from stemma.store.errors import ProjectError
from stemma.versions.contents.manifest import MANIFEST
from stemma.versions.history.descent import Descent
from stemma.versions.history.records import Record, records
from stemma.versions.tracing.manifests import Manifest, manifests_of
from stemma.versions.tracing.matching import How, Match, Wanted, exact, search
from stemma.versions.verbs.log import names_of

_SHA256 = re.compile("[0-9a-f]{64}")
_HOW: dict[How, str] = {
    "id": "this id",
    "text": "the same text",
    "cluster": "in a cluster of duplicates with it",
    "similar": "a similar text",
}
# Weights are fitted to the one and chosen by the other; of the test split they know nothing.
_LEARNT = (TRAIN, VALIDATION)


@dataclasses.dataclass(frozen=True)
class Query:
    """What is looked for: one of these.

    Attributes:
        text: of a document, as it stands in data/raw.
        id: of a document.
        sha256: of a normalised text.
    """

    text: str | None = None
    id: str | None = None
    sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Trace:
    """A version that the record went into, itself or through its base.

    Attributes:
        record: the version.
        refs: tags, branches and experiments that it is the version of.
        matches: the rows of its manifest that hold the record, the closest first.
        through: commits of the versions from which this one descends and whose weights learnt from
            the record: it stands in their train or validation split.
        unknown: why it cannot be told; empty if it can.
    """

    record: Record
    refs: tuple[str, ...]
    matches: tuple[Match, ...]
    through: tuple[str, ...]
    unknown: str

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the record is in; none where it was dropped."""
        return tuple(sorted({match.split for match in self.matches if match.split}))


def trace(query: Query, root: Path = Path()) -> list[Trace]:
    """Follow a record through all versions.

    Returns:
        The versions that hold it, descend from one that was trained on it, or of which that is not
        known; newest first.

    Raises:
        ProjectError: no version has documents, none has the id, or the clone is shallow.
        DataError: a manifest is torn.
    """
    found = whole_history(root)
    known, missing = manifests_of(found, root)
    if not known and not missing:
        raise ProjectError(
            f"no version has {CONVENTION.prepared}/{MANIFEST}",
            "build one with `dvc repro`, and commit it",
        )
    wanted = _wanted(query, set(known.values()))
    if query.id is not None and not missing and not any(one.hashes for one in wanted.values()):
        raise ProjectError(
            f"no version has a document with the id '{query.id}'",
            f"ids stand in {CONVENTION.prepared}/{MANIFEST}; a text is found with --text or --file",
        )
    rows = {one: tuple(search(one.path, one.owner, asked)) for one, asked in wanted.items()}
    matches = {commit: rows[one] for commit, one in known.items()}
    return followed(found, matches, missing, root)


def whole_history(root: Path = Path()) -> list[Record]:
    """Return all versions, newest first.

    Raises:
        ProjectError: this clone does not have them all, so that no answer would be whole.
    """
    if git.is_shallow(root):
        raise ProjectError(
            "this clone is shallow: it does not have the versions of before",
            "type `git fetch --unshallow`",
        )
    return records(["--all"], root)


def query_of(
    text: str | None, file: str | None, identifier: str | None, sha256: str | None
) -> Query:
    """Return the query that options of the command line make.

    Raises:
        ProjectError: they name nothing, or more than one thing; the file is not to be read as
            text; or the hash is none.
    """
    given = [value for value in (text, file, identifier, sha256) if value is not None]
    if len(given) != 1:
        raise ProjectError(
            f"a record is named in one way, not in {len(given) or 'none'}",
            "give one of --text, --file, --id and --hash",
        )
    if file is not None:
        try:
            lfs.refuse_file(Path(file), ProjectError)
            text = Path(file).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise ProjectError(f"{file} cannot be read: {said}", "give a file of text") from error
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise ProjectError(
            f"'{sha256}' is no SHA-256", "that of a normalised text: 64 digits 0-9 and a-f"
        )
    return Query(text, identifier, sha256)


def _wanted(query: Query, manifests: Collection[Manifest]) -> dict[Manifest, Wanted]:
    """Return what to look for in each manifest: a text is another sketch under other settings."""
    if query.text is not None:
        key = frozenset([hashlib.sha256(normalise(query.text).encode()).hexdigest()])
        return {one: Wanted(frozenset(), key, (one.sketch(query.text),)) for one in manifests}
    ids = frozenset() if query.id is None else frozenset([query.id])
    hashes = frozenset() if query.sha256 is None else frozenset([query.sha256])
    asked = Wanted(ids, hashes, ())
    rows = {one: exact(one.path, one.owner, asked) for one in manifests}
    # All texts that the id ever had, and what is like them.
    hashes |= {match.sha256 for matches in rows.values() for match in matches}
    sketches: dict[int, set[bytes]] = {}
    for one, matches in rows.items():
        known = {match.sketch for match in matches if match.sketch}
        sketches.setdefault(one.shingle, set()).update(known)
    return {one: Wanted(ids, hashes, tuple(sorted(sketches[one.shingle]))) for one in manifests}


def followed(
    found: Sequence[Record],
    matches: Mapping[str, tuple[Match, ...]],
    missing: Mapping[str, str],
    root: Path,
) -> list[Trace]:
    """Return the versions that hold a record, with those that descend from them, newest first.

    Args:
        found: all versions, newest first.
        matches: the rows of each version's manifest that hold it, by commit.
        missing: why they are not known, by commit.
        root: the project's root.
    """
    descent = Descent(found, root)
    refs = names_of(list(found), root)
    learnt = {
        commit for commit, rows in matches.items() if any(row.split in _LEARNT for row in rows)
    }
    traces = []
    for record in found:
        commit = record.commit
        through = tuple(sorted(descent.ancestors(commit) & learnt))
        unknown = missing.get(commit) or descent.unknown.get(commit, "")
        rows = matches.get(commit, ())
        if rows or through or unknown:
            names = tuple(refs.get(commit, ()))
            traces.append(Trace(record, names, rows, through, unknown))
    return traces


def tell(traces: Sequence[Trace], as_json: bool) -> None:
    """Print which versions hold the record, in which split, and which descend from those."""
    if as_json:
        printing.print_json([_facts(one) for one in traces])
        return
    console = printing.console()
    held = [one for one in traces if one.splits or one.through]
    trained = sum(TRAIN in one.splits for one in traces)
    heirs = sum(bool(one.through) for one in traces)
    console.print(
        f"Trained on by {trained} version{'s' * (trained != 1)}; {heirs} "
        f"descend{'s' * (heirs == 1)} from one whose weights learnt from it."
        if held
        else f"No version {'that can be read ' * any(one.unknown for one in traces)}has this "
        "document, or one like it (parts of documents are not looked for)."
    )
    table = Table("version", "date", "names", "split", "how", "makes", box=None)
    for one in traces:
        if one.matches or one.through:
            table.add_row(*_row(one))
    if table.row_count:
        console.print(table)
    unknown: dict[str, list[str]] = {}
    for one in traces:
        if one.unknown:
            unknown.setdefault(one.unknown, []).append(one.record.commit[:7])
    for why, commits in unknown.items():
        console.print(f"not known: {', '.join(commits)}: {why}", style="yellow")


def _row(one: Trace) -> tuple[str, ...]:
    record = one.record
    how = [_said(match) for match in one.matches[:3]]
    how += [f"and {len(one.matches) - 3} more"] if len(one.matches) > 3 else []
    how += [f"its base descends from {commit[:7]}" for commit in one.through]
    names = ", ".join(one.refs)
    splits = ", ".join(one.splits) or ("dropped" if one.matches else "base")
    return record.commit[:7], record.date, names, splits, "; ".join(how), ", ".join(_made(record))


def _said(match: Match) -> str:
    share = "" if match.similarity is None else f" ({match.similarity:.0%} alike)"
    dropped = "" if match.reason is None else f", dropped: {match.reason}"
    said = f"{_HOW[match.how]}{share}{dropped}"
    return said if match.how == "id" else f"{match.id}: {said}"


def _made(record: Record) -> list[str]:
    method = record.settings.get("train.method", "")
    names = {path: PurePosixPath(path).name for path in _models(record)}
    if method and record.declared.trained in names:
        names[record.declared.trained] += f" ({method})"
    return list(names.values())


def _models(record: Record) -> list[str]:
    paths = dict.fromkeys((record.declared.trained, record.declared.exported))
    return [path for path in paths if path in record.lock.outs]


def _facts(one: Trace) -> dict[str, Any]:
    rows = [
        {key: value for key, value in dataclasses.asdict(match).items() if key != "sketch"}
        for match in one.matches
    ]
    record = one.record
    return {
        "commit": record.commit,
        "refs": list(one.refs),
        "date": record.date,
        "subject": record.subject,
        "splits": list(one.splits),
        "matches": rows,
        "through": list(one.through),
        "method": record.settings.get("train.method"),
        "makes": _models(record),
        "unknown": one.unknown or None,
    }
