"""What a version was made of: its settings, the declared environment, the data, the base."""

from typing import Any

from stemma.layout import REVOKED
from stemma.store.version import Version
from stemma.versions.contents.kept import Kept
from stemma.versions.contents.settings import read_settings
from stemma.versions.contents.sources import FILE as SOURCES


def settings(version: Version) -> dict[str, Any] | None:
    """Return the overrides in force, the choice of each group, and all values of params.yaml.

    None if there are no settings.

    Raises:
        DamagedError: params.yaml cannot be read.
    """
    found = read_settings(version)
    if found is None or not any(found):
        return None
    stored, record = found
    choices = {
        group: section["name"]
        for group, section in stored.items()
        if isinstance(section, dict) and "name" in section
    }
    return {"overrides": record.get("overrides", []), "choices": choices, "values": stored}


def data(version: Version, kept: Kept) -> dict[str, Any] | None:
    """Return sources.json, data_report.json and how many records are revoked; None without data."""
    sources = (kept.read(version.declared.raw, SOURCES) or {}).get("sources", [])
    report = kept.read(
        version.declared.prepared, "data_report.json", "documents", "splits", "dropped"
    )
    revoked = (version.read(REVOKED.as_posix()) or b"").splitlines()
    if not sources and report is None:
        return None
    return {"sources": sources, "report": report, "revoked": sum(map(bool, revoked))}


def base(version: Version, kept: Kept) -> dict[str, Any] | None:
    """Return what base.json says of the model that training started from; None if there is none.

    ``md5`` is the hash of all of it; of an earlier version, ``version`` is the commit.
    """
    facts = kept.read(version.declared.base, "base.json")
    if facts is None or facts.get("kind") is None:
        return None
    md5, _ = version.lock.outs.get(version.declared.base, ("", 0))
    return facts | {"md5": md5}
