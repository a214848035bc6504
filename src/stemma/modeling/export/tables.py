"""Tables in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def flat(prefix: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Yield the values of nested mappings, each under its keys joined by dots."""
    if not isinstance(value, Mapping):
        yield prefix, value
        return
    for key, inner in sorted(value.items()):
        yield from flat(f"{prefix}.{key}", inner)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; cells may hold any text."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
