"""What was computed from contents that never change, kept for the next time.

It stands in .dvc/tmp, which Git ignores. Where it is lost, torn or cannot be written, the answer is
the same and takes a second more.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

from stemma.files import write_json


def recall(name: str, root: Path) -> dict[str, Any]:
    """Return what was kept under a name; {} if there is nothing."""
    try:
        kept = json.loads(_path(name, root).read_bytes())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def keep(name: str, facts: dict[str, Any], root: Path) -> None:
    """Keep what is to be recalled under a name, where that can be written."""
    path = _path(name, root)
    # Where Git does not ignore the folder, it would be in the user's way.
    if not (root / ".dvc/.gitignore").exists():
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        write_json(path, facts)


def _path(name: str, root: Path) -> Path:
    return root / f".dvc/tmp/stemma-{name}.json"
