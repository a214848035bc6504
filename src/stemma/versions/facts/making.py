"""What a version was made of: its settings, the declared environment, the data, the base."""

from typing import Any

from stemma.layout import CONF, REVOKED
from stemma.store.version import Version
from stemma.versions.contents.kept import Kept
from stemma.versions.contents.settings import read_settings
from stemma.versions.contents.sources import FILE as SOURCES


def settings(version: Version) -> dict[str, Any] | None:
    """Return the settings of a version; None if it has no params.yaml.

    ``overrides`` are those in force, ``choices`` the name that each group of conf/ was chosen by,
    ``values`` all that params.yaml holds, ``composed`` whether
    they were composed from conf/.

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
    return {
        "overrides": record.get("overrides", []),
        "choices": choices,
        "values": stored,
        "composed": bool(record) or version.read(f"{CONF}/config.yaml") is not None,
    }


def data(version: Version, kept: Kept) -> dict[str, Any] | None:
    """Return where the documents of a version are from, and what became of them.

    ``sources`` are those of sources.json, ``report`` is data_report.json, ``revoked`` the number of
    revoked records. None if the version has neither of the two files.
    """
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

    ``md5`` is DVC's hash of the whole folder. Where the model is an earlier version, ``version`` is
    its commit.
    """
    facts = kept.read(version.declared.base, "base.json")
    if facts is None or facts.get("kind") is None:
        return None
    md5, _ = version.lock.outs.get(version.declared.base, ("", 0))
    return facts | {"md5": md5}
