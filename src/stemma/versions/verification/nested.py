"""Nested mappings, such as settings or metrics, as flat ones with dotted keys."""

from collections.abc import Iterator
from typing import Any


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) for every leaf of nested mappings."""
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, inner in value.items():
        yield from leaves(inner, f"{prefix}.{key}" if prefix else str(key))


def unequal(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (dotted key, value, other value) where two nested mappings differ.

    Where one of them lacks a key, its value is ``absent``.
    """
    before, after = dict(leaves(one)), dict(leaves(other))
    for key in sorted({*before, *after}):
        was, now = before.get(key, "absent"), after.get(key, "absent")
        if was != now:
            yield key, was, now
