"""What became of each answer that an update has learnt from, so that none is learnt from twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from stemma.layout import RUNS
from stemma.store.errors import ProjectError

FILE = RUNS / "update" / "ledger.jsonl"


def read(root: Path) -> dict[str, str]:
    """Return what became of answers, by id.

    Raises:
        ProjectError: a line is torn.
    """
    path, found = root / FILE, {}
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
            found[str(told["answer"])] = str(told["became"])
        except (ValueError, LookupError, TypeError) as error:
            raise ProjectError(
                f"{path}, line {number} cannot be read: {error}",
                "delete the line; what it told is in the branches update/*",
            ) from error
    return found


def write(answers: Iterable[str], became: str, root: Path) -> None:
    """Write down what became of answers, at the end of the file.

    Args:
        answers: their ids.
        became: a few words, such as ``refused as update/2026-03-03-1``.
        root: the project.
    """
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(
        json.dumps({"answer": one, "became": became}) + "\n" for one in sorted({*answers})
    )
    # In one write: a kill leaves all of them or none.
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, lines.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
