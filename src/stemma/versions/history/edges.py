"""The version that each fine-tune of a history started from."""

from collections.abc import Sequence
from pathlib import Path

from stemma.store import git
from stemma.versions.history.descent import Descent
from stemma.versions.history.records import Record

_KIND, _PATH = "model.base.kind", "model.base.path"
_EARLIER = "stemma://"


def bases(found: Sequence[Record], root: Path) -> dict[str, str]:
    """Return the commit that a version started from by the commit of the version.

    As `stemma trace` follows it, but without a remote; where the cache lacks what tells, as the
    settings name it. Nothing is read where no version has a base of its own.

    Args:
        found: versions, newest first; a base that was brought as files is known among these.
        root: the project's root.
    """
    based = [record for record in found if record.settings.get(_KIND) == "path"]
    if not based:
        return {}
    descent = Descent(found, root, remote=False)
    edges = {
        record.commit: descent.base(record.commit) or _named(record.settings.get(_PATH, ""), root)
        for record in based
    }
    return {commit: base for commit, base in edges.items() if base}


def _named(path: str, root: Path) -> str:
    if not path.startswith(_EARLIER):
        return ""
    name = path.removeprefix(_EARLIER)
    # As the stage base reads it: a tag or a whole hash.
    return git.find(f"refs/tags/{name}", root) or git.find(name, root) or ""
