"""Files of metrics and settings, in the formats that DVC reads: JSON, YAML, TOML and Python."""

import json
import math
import posixpath
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml

from stemma.overrides import leaves
from stemma.store.lock import load

ENDINGS = (".json", ".yaml", ".yml", ".toml", ".py")
_UNREADABLE = (ValueError, yaml.YAMLError, TypeError, AttributeError, RecursionError)


def parse(raw: bytes, path: str) -> dict[str, Any]:
    """Return what a file holds, by key.

    Args:
        raw: its bytes.
        path: by whose ending its format is told; any other than ENDINGS is taken for YAML, as DVC
            does.

    Raises:
        ValueError: it cannot be read, or holds no mapping.
    """
    try:
        found = _parse(raw, posixpath.splitext(path)[1].lower())
    except _UNREADABLE as error:
        raise ValueError(" ".join(str(error).split())) from error
    if not isinstance(found, dict):
        raise ValueError("it holds no mapping")
    return found


def _parse(raw: bytes, ending: str) -> Any:
    if ending == ".json":
        return json.loads(raw)
    if ending == ".toml":
        return tomllib.loads(raw.decode())
    if ending == ".py":
        # What DVC takes for a parameter in a module is DVC's to say.
        from dvc.utils.serialize import parse_py

        return parse_py(raw.decode(), "params.py")
    return load(raw)


def joined(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return several files as one, by dotted keys.

    A key that stands in several of them has the file before it, as in ``eval/a.json:loss``.

    Args:
        tables: what each file holds, by its path.
    """
    flat = {path: dict(leaves(dict(table))) for path, table in tables.items()}
    counts: dict[str, int] = {}
    for table in flat.values():
        for key in table:
            counts[key] = counts.get(key, 0) + 1
    return {
        (f"{path}:{key}" if counts[key] > 1 else key): value
        for path, table in flat.items()
        for key, value in table.items()
    }


def no_numbers(table: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys whose values are no finite numbers, and what they are instead."""
    return {key: kind for key, value in leaves(dict(table)) if (kind := _kind(value))}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "" if math.isfinite(value) else "not finite"
    return {str: "a text", list: "a list", type(None): "null"}.get(type(value), "no number")
