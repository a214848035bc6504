"""code.lock: by which code each stage makes its outputs.

``stemma compose`` writes a digest of each module whose edit could change what a stage makes
(`stemma.closure`) into code.lock, by stage, and dvc.yaml gives a stage its section of code.lock as
parameters.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stemma import merging
from stemma.closure import closure, closures
from stemma.errors import ReproducibilityError
from stemma.files import atomic_file
from stemma.layout import CODE

_SHOWN = 5  # files that a message names
_WRITE = "type `stemma compose`, or `dvc repro`"


def write(values: Mapping[str, Any], root: Path = Path()) -> list[str]:
    """Write code.lock, atomically, as the code is now.

    A file that says so already is left alone, so that nobody sees it change.

    Returns:
        A line for each stage that runs other code than before, if it was there.
    """
    path = root / CODE
    try:
        before = read(path)
    except ReproducibilityError:  # missing or torn: it is replaced
        before = {}
    text = "# Written by `stemma compose`: the code that each stage runs. Do not edit.\n"
    found = closures(values)
    text += yaml.safe_dump(found)
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
        with atomic_file(path, "w") as handle:
            handle.write(text)
    changed = {stage: unlike(before[stage], found.get(stage, {})) for stage in sorted(before)}
    return [f"{stage} has other code: {_few(files)}" for stage, files in changed.items() if files]


def differences(values: Mapping[str, Any], root: Path = Path()) -> list[str]:
    """Return a line for each module in which code.lock is not what the code is now.

    Raises:
        ReproducibilityError: code.lock is missing, torn, or in an unfinished merge.
    """
    locked, found = read(root / CODE), closures(values)
    return [
        f"{CODE}: {stage}: {file}"
        for stage in sorted({*locked, *found})
        for file in unlike(locked.get(stage, {}), found.get(stage, {}))
    ]


def refuse_drift(stage: str, values: Mapping[str, Any]) -> None:
    """Refuse to run a stage by other code than code.lock says, as one that is started by hand does.

    Raises:
        ReproducibilityError: names the files; or code.lock is missing or torn.
    """
    changed = unlike(read().get(stage, {}), closure(stage, values))
    if changed:
        raise ReproducibilityError(f"{CODE} has other code: {_few(changed)}", _WRITE)


def read(path: Path = CODE) -> dict[str, dict[str, str]]:
    """Return what a code.lock holds: stage -> file of a module -> digest.

    Raises:
        ReproducibilityError: it is missing, torn, or in an unfinished merge.
    """
    if not path.exists():
        raise ReproducibilityError(f"{path} does not exist", _WRITE)
    text = path.read_text(encoding="utf-8", errors="replace")
    merging.check(text, str(path), ReproducibilityError, "; or `stemma compose` writes it anew")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ReproducibilityError(f"{path} cannot be read: {line}", _WRITE) from error
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ReproducibilityError(f"{path} holds no mapping of stages", _WRITE)
    return found


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the files of ``unlike`` with the digest that each section has of them."""
    changed = unlike(one, other)
    return [(file, one.get(file, "nothing"), other.get(file, "nothing")) for file in changed]


def unlike(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the files that two sections of code.lock do not have alike."""
    return sorted(file for file in {*one, *other} if one.get(file) != other.get(file))


def _few(files: list[str]) -> str:
    more = f", and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(files[:_SHOWN]) + more
