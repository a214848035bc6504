"""Erases what a store keeps of texts, when somebody takes a consent back."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from stemma.monitoring.store import WAITS
from stemma.store.errors import ProjectError


def withdraw(answers: Sequence[str], path: Path) -> list[str]:
    """Erase the texts of requests, and those of what was said of their answers.

    What is recorded beside the texts stays, as nobody can be recognised by it.

    Args:
        answers: ids of the answers.
        path: of the store.

    Returns:
        The ids of the answers of which there are records.

    Raises:
        ProjectError: the store is torn, or cannot be written now.
    """
    if not path.exists():
        return []
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=WAITS)) as base, base:
            base.execute("PRAGMA secure_delete = ON")
            found = [
                (name, row[0])
                for name in answers
                for row in base.execute("SELECT number FROM records WHERE id = ?", (name,))
            ]
            for _, number in found:
                base.execute("DELETE FROM texts WHERE number = ?", (number,))
                base.execute(
                    "UPDATE feedback SET correction = NULL, comment = NULL WHERE number = ?",
                    (number,),
                )
    except sqlite3.Error as error:
        raise ProjectError(f"{path} cannot be written: {error}", "try again soon") from error
    return [name for name, _ in found]
