"""What a version was made of: its settings, the declared environment, the data, the base."""

from typing import Any

import yaml

from stemma.layout import BASE, PARAMS, PREPARED, RAW, RECORD, REVOKED
from stemma.store.errors import ProjectError
from stemma.store.lock import load
from stemma.store.version import Version
from stemma.versions.contents.kept import Kept


def settings(version: Version) -> dict[str, Any] | None:
    """Return the overrides in force, the choice of each group, and all values of params.yaml.

    None if there are no settings.

    Raises:
        ProjectError: params.yaml cannot be read.
    """
    raw = version.read(PARAMS.as_posix())
    if not raw:
        return None
    try:
        stored = load(raw)
        record = stored.pop(RECORD, None) or {}
        choices = {
            group: section["name"]
            for group, section in stored.items()
            if isinstance(section, dict) and "name" in section
        }
        return {"overrides": record.get("overrides", []), "choices": choices, "values": stored}
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        said = " ".join(str(error).split())
        raise ProjectError(
            f"{PARAMS} of {version.name} cannot be read: {said}", "type `stemma compose --reset`"
        ) from error


def data(version: Version, kept: Kept) -> dict[str, Any] | None:
    """Return sources.json, data_report.json and how many records are revoked; None without data."""
    sources = (kept.read(RAW, "sources.json") or {}).get("sources", [])
    report = kept.read(PREPARED, "data_report.json", "documents", "splits", "dropped")
    revoked = (version.read(REVOKED.as_posix()) or b"").splitlines()
    if not sources and report is None:
        return None
    return {"sources": sources, "report": report, "revoked": sum(map(bool, revoked))}


def base(version: Version, kept: Kept) -> dict[str, Any] | None:
    """Return what base.json says of the model that training started from; None if there is none.

    ``md5`` is the hash of all of it; of an earlier version, ``version`` is the commit.
    """
    facts = kept.read(BASE, "base.json")
    if facts is None or facts.get("kind") is None:
        return None
    md5 = {out.path: out.md5 for stage in version.stages() for out in stage.outs}
    return facts | {"md5": md5.get(BASE.as_posix(), "")}
