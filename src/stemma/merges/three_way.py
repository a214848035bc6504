"""Three-way merges of values, key by key."""

import dataclasses
from collections.abc import Mapping
from typing import Any


class _Absent:
    """Stands for a key that is not there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


@dataclasses.dataclass(frozen=True)
class Merged:
    """What two sides come to.

    Attributes:
        value: the value; where both changed it differently, that of ours.
        conflicts: what both sides changed differently: key, ours and theirs.
    """

    value: Any
    conflicts: tuple[tuple[str, Any, Any], ...] = ()


def merge(base: Any, ours: Any, theirs: Any, key: str = "") -> Merged:
    """Merge a value: what one side left as it was is taken from the other.

    Mappings are merged key by key; lists and all else are one value.

    Args:
        base: of the version before both; ABSENT if there was none.
        ours: of our side.
        theirs: of their side.
        key: of the value, for the conflicts.
    """
    if ours == theirs or theirs == base:
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return _merge_mappings(base if isinstance(base, Mapping) else {}, ours, theirs, key)
    return Merged(ours, ((key, ours, theirs),))


def _merge_mappings(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any], key: str
) -> Merged:
    found: dict[str, Any] = {}
    conflicts: list[tuple[str, Any, Any]] = []
    for name in dict.fromkeys([*ours, *theirs]):
        sides = (side.get(name, ABSENT) for side in (base, ours, theirs))
        merged = merge(*sides, key=f"{key}.{name}" if key else str(name))
        conflicts += merged.conflicts
        if merged.value is not ABSENT:
            found[name] = merged.value
    return Merged(found, tuple(conflicts))
