"""Adds to a YAML file of the user's, and leaves every line that stands there as it is."""

import re
from typing import Any

import yaml

from stemma.store.errors import DamagedError, ProjectError


def with_entry(text: str, section: str, name: str, value: dict[str, Any], owner: str) -> str:
    """Return a YAML file with a further entry at the end of a section of its top level.

    Args:
        text: the file; may be empty.
        section: a key of its top level; it is added if it is not there.
        name: of the entry.
        value: of the entry, JSON values.
        owner: what the file is called in errors.

    Raises:
        DamagedError: the file cannot be read.
        ProjectError: there is such an entry, or the section is laid out in another way.
    """
    before = _parsed(text, owner)
    entries = before.get(section) or {}
    if name in entries:
        raise ProjectError(f"{owner} has '{name}' under '{section}' already", "take another name")
    body = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True)
    entry = "".join(f"  {line}\n" for line in body.splitlines())
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    place = _end_of(lines, section)
    if place is None:
        lines += ["\n"] * bool(lines) + [f"{section}:\n", entry]
    else:
        lines.insert(place, entry)
    made = "".join(lines)
    wanted = before | {section: {**entries, name: value}}
    # One that is laid out in braces, or indented otherwise, takes no further lines like these.
    if not _is(made, wanted):
        raise ProjectError(
            f"'{section}' in {owner} is laid out in a way that takes no further lines",
            f"write under it by hand: {yaml.safe_dump({name: value}, default_flow_style=True)}",
        )
    return made


def _end_of(lines: list[str], section: str) -> int | None:
    """Return the place behind the last line of a section; None if it is not there."""
    starts = [at for at, line in enumerate(lines) if re.match(rf"{re.escape(section)}\s*:", line)]
    if not starts:
        return None
    end = starts[0] + 1
    for at in range(end, len(lines)):
        if lines[at].strip() and not lines[at].startswith((" ", "#", "\t")):
            break
        if lines[at].startswith(" ") and lines[at].strip():
            end = at + 1
    return end


def _is(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return yaml.safe_load(text) == wanted
    except yaml.YAMLError:
        return False


def _parsed(text: str, owner: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise DamagedError(f"{owner} cannot be read: {said}", "was it edited by hand?") from error
    if not isinstance(found, dict):
        raise DamagedError(f"{owner} holds no mapping", "was it edited by hand?")
    return found
