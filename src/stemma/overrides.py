"""Hydra's override grammar, as far as Stemma writes it: ``key=value``, ``+key=value``, ``~key``."""

import json
import re
from collections.abc import Iterator
from typing import Any

# What Hydra reads back as the same string without quotes.
_BARE = re.compile(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_][\w./-]*", re.ASCII | re.IGNORECASE)


def key_of(override: str) -> str:
    """Return the key or group that an override sets, such as ``train.epochs``."""
    return override.lstrip("+~").split("=", 1)[0].split("@", 1)[0]


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every dotted key with its value; a list is a value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix, value


def scalars(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every dotted key with its value; the items of a list have their numbers as keys."""
    if not isinstance(value, dict | list):
        yield prefix, value
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from scalars(inner, f"{prefix}.{key}" if prefix else str(key))


def between(base: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Return the overrides that lead from ``base`` to ``values``, sorted by key."""
    old, new = dict(leaves(base)), dict(leaves(values))
    gone = old.keys() - new.keys()
    # Hydra does not delete a key whose value is null: what it stands in is replaced as a whole.
    whole = sorted({key.rpartition(".")[0] for key in gone if old[key] is None and "." in key})
    whole = [key for key in whole if not any(key.startswith(f"{one}.") for one in whole)]
    found = [f"~{key}" for key in sorted(gone) if not _is_within(key, whole)]
    for key in whole:
        found += [f"~{key}", f"+{key}={literal(_value_at(values, key))}"]
    for key in sorted(new):
        if _is_within(key, whole):
            continue
        if key not in old:
            found.append(f"+{key}={literal(new[key])}")
        elif old[key] != new[key]:
            found.append(f"{key}={literal(new[key])}")
    return found


def _is_within(key: str, parents: list[str]) -> bool:
    return any(key.startswith(f"{one}.") for one in parents)


def _value_at(values: dict[str, Any], key: str) -> Any:
    found: Any = values
    for part in key.split("."):
        found = found[part]
    return found


def literal(value: Any) -> str:
    """Write a value so that Hydra's override parser reads the same value back."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{literal(item)}" for key, item in value.items()) + "}"
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    # In Hydra's quoted strings a backslash counts only before a quote.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)
    trailing = len(text) - len(text.rstrip("\\"))
    return "'" + escaped + "\\" * trailing + "'"
