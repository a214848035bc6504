"""Which settings changed, by key of params.yaml."""

from typing import Any

import yaml

from stemma.errors import ProjectError
from stemma.layout import PARAMS, RECORD
from stemma.pages.blocks import Table
from stemma.store.lock import load
from stemma.store.version import Version
from stemma.versions.differences.section import Alike, Section, without
from stemma.versions.verification.rows import leaves

NAME = "settings"
_NAMED = 4  # settings; if there are more, they are counted


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the settings of two versions.

    Returns:
        EQUAL if all values are the same; ABSENT if neither version has settings, or if one of them
        is only a model.

    Raises:
        ProjectError: params.yaml of a version cannot be read.
    """
    left, right = _settings(a), _settings(b)
    if left is None or right is None:
        has = left is not None, right is not None
        return without(NAME, (a, b), has, PARAMS, "settings")
    keys = [key for key in {**left, **right} if _differ(left.get(key, ...), right.get(key, ...))]
    if not keys:
        return Alike.EQUAL
    facts = {
        key: {"a": left.get(key), "b": right.get(key), "in": _where(key, left, right)}
        for key in keys
    }
    rows = tuple((key, _text(left, key), _text(right, key)) for key in keys)
    spoken = [f"{key} {_text(left, key)} → {_text(right, key)}" for key in keys[:_NAMED]]
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    words = f"{len(keys)} setting{'s' * (len(keys) > 1)} changed: {', '.join(spoken)}{more}."
    return Section(NAME, (words,), facts, (Table("", ("key", a.name, b.name), rows),))


def _differ(one: Any, other: Any) -> bool:
    # In Python, True equals 1.
    return one != other or isinstance(one, bool) != isinstance(other, bool)


def _settings(version: Version) -> dict[str, Any] | None:
    raw = version.read(PARAMS.as_posix())
    if raw is None:
        return None
    try:
        stored = load(raw)
        return dict(leaves({key: stored[key] for key in stored if key != RECORD}))
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ProjectError(
            f"{PARAMS} of {version.name} cannot be read: {reason}", "type `stemma compose --reset`"
        ) from error


def _where(key: str, left: dict[str, Any], right: dict[str, Any]) -> str:
    return "both" if key in left and key in right else "a" if key in left else "b"


def _text(side: dict[str, Any], key: str) -> str:
    if key not in side:
        return "absent"
    value = side[key]
    return "null" if value is None else str(value).lower() if value in (True, False) else str(value)
