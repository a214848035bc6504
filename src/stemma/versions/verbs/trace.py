"""Which versions were trained on a document, in which split, and which descend from those."""

import dataclasses
import re
from collections.abc import Collection
from pathlib import Path

from stemma import lfs
from stemma.corpus.sketch import sha256_of_text
from stemma.store.declared import CONVENTION
from stemma.store.errors import ProjectError
from stemma.versions.contents.manifest import MANIFEST
from stemma.versions.tracing.descendants import Trace, followed, whole_history
from stemma.versions.tracing.manifests import SketchedManifest, manifests_of
from stemma.versions.tracing.matching import Wanted, exact, search

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class _Query:
    """What to look for: one of these."""

    text: str | None
    id: str | None
    sha256: str | None


def trace(
    *,
    text: str | None = None,
    file: str | Path | None = None,
    id: str | None = None,
    sha256: str | None = None,
    root: Path = Path(),
) -> list[Trace]:
    """Follow a document through all versions. It is named in one of four ways.

    Args:
        text: the text of the document, as it is in data/raw.
        file: a file with such a text, in UTF-8.
        id: the id of the document.
        sha256: the SHA-256 of the normalised text, in hexadecimal.
        root: the project's root.

    Returns:
        The versions that hold the document, descend from one that was trained on it, or of which
        this cannot be told; newest first.

    Raises:
        ProjectError: the document is named in no way or in several, the file or hash is none, no
            version has documents, none has the id, or the clone is shallow.
        DataError: a manifest is torn.
        ModelError: a base.json is torn.
    """
    query = _query(text, file, id, sha256)
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


def _query(
    text: str | None, file: str | Path | None, identifier: str | None, sha256: str | None
) -> _Query:
    given = [value for value in (text, file, identifier, sha256) if value is not None]
    if len(given) != 1:
        raise ProjectError(
            f"a record is named in one way, not in {len(given) or 'none'}",
            "give one of --text, --file, --id and --hash",
        )
    if file is not None:
        text = _text(Path(file))
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise ProjectError(
            f"'{sha256}' is no SHA-256", "that of a normalised text: 64 digits 0-9 and a-f"
        )
    return _Query(text, identifier, sha256)


def _text(file: Path) -> str:
    try:
        lfs.refuse_file(file, ProjectError)
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ProjectError(f"{file} cannot be read: {said}", "give a file of text") from error


def _wanted(
    query: _Query, manifests: Collection[SketchedManifest]
) -> dict[SketchedManifest, Wanted]:
    """Return what to look for in each manifest: a text has another sketch under other settings."""
    if query.text is not None:
        key = frozenset([sha256_of_text(query.text)])
        return {
            one: Wanted(frozenset(), key, (one.sketcher.sketch(query.text),)) for one in manifests
        }
    ids = frozenset() if query.id is None else frozenset([query.id])
    hashes = frozenset() if query.sha256 is None else frozenset([query.sha256])
    asked = Wanted(ids, hashes, ())
    rows = {one: exact(one.path, one.owner, asked) for one in manifests}
    # All texts that the id ever had, and what is like them.
    hashes |= {match.sha256 for found in rows.values() for match in found.matches}
    sketches: dict[int, set[bytes]] = {}
    for one, found in rows.items():
        sketches.setdefault(one.sketcher.shingle, set()).update(found.sketches)
    return {
        one: Wanted(ids, hashes, tuple(sorted(sketches[one.sketcher.shingle]))) for one in manifests
    }
