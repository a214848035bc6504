"""What `stemma serve` reads from its words, and how it speaks."""

import logging
import sys
from typing import Any

from stemma.errors import SettingsError
from stemma.serving.serve import Wanted
from stemma.store.errors import ProjectError


def share_of(word: str) -> tuple[str, float]:
    """Return the version and the share of a word such as ``lm@v1.3.0=10%``.

    Raises:
        SettingsError: it is no such word.
    """
    version, equals, share = word.rpartition("=")
    try:
        found = float(share.removesuffix("%")) / (100 if share.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not equals or not 0 < found < 1:
        raise SettingsError(f"--canary: '{word}' is no version and share", "as in lm@v1.3.0=10%")
    return version, found


def wanted_of(**words: Any) -> Wanted:
    """Return what is to be served.

    Raises:
        SettingsError: more than one thing is asked for.
        ProjectError: nothing is, and nothing stands on prod.
    """
    asked = [name for name in ("stage", "version", "rev", "path") if words[name] is not None]
    if len(asked) > 1:
        raise SettingsError(f"--{asked[0]} and --{asked[1]} were both given", "give one of them")
    if not asked:
        words["stage"] = _default_stage()
    return Wanted(**words)


def spoken() -> None:
    """Let the server say on standard error what it does."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(message)s", "%H:%M:%S"))
    for name, level in (("stemma.serve", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False


def _default_stage() -> str:
    from pathlib import Path

    from stemma.serving.serve import default_stage

    hint = "`stemma serve --path models/exported` serves what was built last"
    try:
        found = default_stage(Path())
    except ProjectError as error:
        raise ProjectError(error.message, hint) from error
    if found is None:
        raise ProjectError("nothing stands on prod", hint)
    return found
