"""Which settings changed, by key of params.yaml."""

from typing import Any

from stemma.layout import PARAMS
from stemma.pages.blocks import Table
from stemma.store.version import Version
from stemma.versions.contents.settings import read_settings
from stemma.versions.differences.section import Alike, Section, without
from stemma.versions.verification.nested import leaves

NAME = "settings"
_NAMED = 4  # settings; if there are more, they are counted


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the settings of two versions.

    Returns:
        EQUAL if all values are the same; ABSENT if neither version has settings, or if one of them
        is only a model.

    Raises:
        DamagedError: params.yaml of either cannot be read.
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
    found = read_settings(version)
    return None if found is None else dict(leaves(found[0]))


def _where(key: str, left: dict[str, Any], right: dict[str, Any]) -> str:
    return "both" if key in left and key in right else "a" if key in left else "b"


def _text(side: dict[str, Any], key: str) -> str:
    if key not in side:
        return "absent"
    value = side[key]
    return "null" if value is None else str(value).lower() if value in (True, False) else str(value)
