"""dvc.yaml as DVC reads it: paths in which the value of a setting stands."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stemma import merging
from stemma.config import read_params
from stemma.errors import SettingsError

PIPELINE = Path("dvc.yaml")
_SETTING = re.compile(r"\$\{([\w.]+)\}")


def stage_of(name: str) -> Mapping[str, Any]:
    """Return a stage as dvc.yaml has it; empty if there is no such file or stage.

    Raises:
        SettingsError: a merge is unfinished in it.
    """
    return yaml.safe_load(_text() or "{}").get("stages", {}).get(name, {})


def dependencies(name: str) -> list[str]:
    """Return the paths that dvc.yaml gives a stage as dependencies, settings filled in."""
    paths = stage_of(name).get("deps", ())
    params = read_params() if paths else {}
    return [fill(path, params) for path in paths]


def fill(path: str, params: Any) -> str:
    """Put the values of settings into a path such as ``tasks/${task.name}.py``."""
    return _SETTING.sub(lambda match: str(value_of(params, match[1])), path)


def value_of(params: Any, key: str) -> Any:
    """Return what stands under a dotted key; None if nothing does."""
    for part in key.split("."):
        params = params.get(part) if isinstance(params, dict) else None
    return params


def moved(before: Any, after: Any) -> list[str]:
    """Return a phrase for each setting in paths of dvc.yaml whose value is another one."""
    values = {key: value_of(after, key) for key in sorted(set(_SETTING.findall(_text())))}
    return [f"{key} is now {new}" for key, new in values.items() if new != value_of(before, key)]


def _text() -> str:
    text = PIPELINE.read_text(encoding="utf-8") if PIPELINE.exists() else ""
    merging.check(text, str(PIPELINE), SettingsError)
    return text
