"""A project's own code: the packages in its src/."""

import sys
from pathlib import Path


def reach(root: Path = Path()) -> None:
    """Let Python find a project's own packages, behind all that is installed."""
    source = str((root / "src").resolve())
    if source not in sys.path:
        sys.path.append(source)
