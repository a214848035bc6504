"""What a version was made of: its settings, the declared environment, the data, the base."""

from typing import Any

import yaml

from stemma.errors import ProjectError
from stemma.layout import BASE, PARAMS, PREPARED, RAW, RECORD, REVOKED
from stemma.store.lock import load
from stemma.store.version import Version
from stemma.versions.contents.kept import Kept


def settings(version: Version) -> dict[str, Any] | None:
    """Return the settings of a version; None if it has no params.yaml.

    ``overrides`` are those in force, ``choices`` the name that each group of conf/ was chosen by,
    ``values`` all that params.yaml holds.

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
    """Return where the documents of a version are from, and what became of them.

    ``sources`` are those of sources.json, ``report`` is data_report.json, ``revoked`` the number of
    revoked records. None if the version has neither of the two files.
    """
    sources = (kept.read(RAW, "sources.json") or {}).get("sources", [])
    report = kept.read(PREPARED, "data_report.json", "documents", "splits", "dropped")
    revoked = (version.read(REVOKED.as_posix()) or b"").splitlines()
    if not sources and report is None:
        return None
    return {"sources": sources, "report": report, "revoked": sum(map(bool, revoked))}


def base(version: Version, kept: Kept) -> dict[str, Any] | None:
    """Return what base.json says of the model that training started from; None if there is none.

    ``md5`` is DVC's hash of the whole folder. Where the model is an earlier version, ``version`` is
    its commit.
    """
    facts = kept.read(BASE, "base.json")
    if facts is None or facts.get("kind") is None:
        return None
    md5 = {out.path: out.md5 for stage in version.stages() for out in stage.outs}
    return facts | {"md5": md5.get(BASE.as_posix(), "")}
