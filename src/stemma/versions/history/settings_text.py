"""Settings as text: enough to tell what changed, in a tenth of the time that YAML takes."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from stemma.layout import RECORD
from stemma.overrides import leaves
from stemma.versions.contents import tables

_SETTING = re.compile(r"^( *)([^\s:-][^:]*):(?: (.+))?$")
# Mappings in one line, anchors and references: what only YAML can tell.
_ODD = re.compile(rb": (?:\{(?!\})|&|\*|<<)")
_SECTION = re.compile(r"^(?=[^\s-])", re.MULTILINE)


def settings_of(content: bytes, path: str) -> Mapping[str, str]:
    """Return a file of settings by dotted key, values as text; {} if it cannot be read.

    Args:
        content: its bytes.
        path: whose ending tells the format.
    """
    if not path.endswith((".yaml", ".yml")) or _ODD.search(content):
        return _parsed(content, path)
    found: dict[str, str] = {}
    for section in _SECTION.split(content.decode(errors="replace")):
        if not section.startswith(f"{RECORD}:"):
            found |= _read_section(section)
    return found


def _parsed(content: bytes, path: str) -> Mapping[str, str]:
    try:
        found = tables.parse(content, path)
    except ValueError:
        return {}
    found.pop(RECORD, None)
    return {key: _said(value) for key, value in leaves(found)}


def _said(value: Any) -> str:
    """Return a value as YAML has it."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else \
        "null" if value is None else str(value)  # fmt: skip


@functools.cache
def _read_section(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    keys: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = _SETTING.match(line)
        if match is None:
            # An item of a list, or a text that goes on.
            if keys:
                dotted = ".".join(key for _, key in keys)
                found[dotted] = f"{found.get(dotted, '')} {line.strip()}"
            continue
        indent = len(match[1])
        keys = [*((depth, key) for depth, key in keys if depth < indent), (indent, match[2])]
        if match[3]:
            found[".".join(key for _, key in keys)] = match[3]
    return found
