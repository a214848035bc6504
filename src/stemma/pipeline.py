"""dvc.yaml as DVC reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stemma import merging
from stemma.errors import SettingsError

PIPELINE = Path("dvc.yaml")


def stage_of(name: str) -> Mapping[str, Any]:
    """Return a stage as dvc.yaml has it; empty if there is no such file or stage.

    Raises:
        SettingsError: a merge is unfinished in it.
    """
    return yaml.safe_load(_text() or "{}").get("stages", {}).get(name, {})


def value_of(params: Any, key: str) -> Any:
    """Return what stands under a dotted key; None if nothing does."""
    for part in key.split("."):
        params = params.get(part) if isinstance(params, dict) else None
    return params


def _text() -> str:
    text = PIPELINE.read_text(encoding="utf-8") if PIPELINE.exists() else ""
    merging.check(text, str(PIPELINE), SettingsError)
    return text
