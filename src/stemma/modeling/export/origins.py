"""Sources as people are shown them: all files below data/input are one line, however many."""

from collections.abc import Iterable, Mapping
from typing import Any

from stemma.layout import INPUT

_SUMS = ("documents", "bytes")


def grouped(sources: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of sources.json, those of one origin, version and licence as one.

    All files below data/input are of one origin. What stands for several has their number for a
    name, the sums of their documents and bytes, and no sha256.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in sources:
        origin = str(one["origin"])
        inside = origin.startswith(f"{INPUT.as_posix()}/")
        key = INPUT.as_posix() if inside else origin, str(one["version"]), str(one["license"])
        groups.setdefault(key, []).append(one)
    return [
        {**found[0]} if len(found) == 1 else _together(origin, found)
        for (origin, _, _), found in groups.items()
    ]


def _together(origin: str, found: list[Mapping[str, Any]]) -> dict[str, Any]:
    sums = {key: sum(one.get(key, 0) for one in found) for key in _SUMS}
    kind = "files" if origin == INPUT.as_posix() else "parts"
    return {**found[0], **sums, "name": f"{len(found):,} {kind}", "origin": origin, "sha256": ""}
