"""Writes what an update learns from below data/input, as a new version of DVC-tracked data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from stemma.corpus.sources.files import PRODUCTION
from stemma.files import atomic_directory, atomic_file
from stemma.layout import INPUT
from stemma.updating.lessons import Lesson

FOLDER = INPUT / PRODUCTION


def write(chosen: Iterable[Lesson], name: str, root: Path) -> None:
    """Write the documents of an update, in a folder of its name; all of them or none.

    Args:
        chosen: the documents.
        name: of the update.
        root: the project.
    """
    files: dict[str, list[str]] = {}
    # The oldest first, as they came.
    for one in reversed([*chosen]):
        files.setdefault(one.file, []).append(json.dumps(one.row, ensure_ascii=False))
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    with atomic_directory(root / FOLDER / name) as folder:
        for file, lines in sorted(files.items()):
            with atomic_file(folder / f"{file}.jsonl", "w") as handle:
                handle.writelines(f"{line}\n" for line in lines)
