"""When `stemma watch` alarms: defaults.yaml, and over it conf/watch.yaml of the project."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field

from stemma.config import build, settings
from stemma.errors import SettingsError
from stemma.layout import CONF

FILE = CONF / "watch.yaml"
MONTH = 30 * 86_400.0


@settings
class WatchSettings:
    """When `stemma watch` alarms."""

    sample: Annotated[int, Field(ge=16)]
    """Requests of the window that are compared, whatever the traffic."""
    feedback: Annotated[int, Field(ge=16)]
    """Thumbs that are, of either side."""
    least_reference: Annotated[int, Field(ge=16)]
    """Values without which a reference is none."""
    false_alarms_per_month: Annotated[float, Field(gt=0)]
    """Of a version, over all looks and features."""
    thresholds: dict[str, Annotated[float, Field(ge=0)]]
    """How far a feature must have moved, by its name."""

    def level(self, every: float) -> float:
        """Return below which p-value one test may alarm, if one looks every so many seconds."""
        return self.false_alarms_per_month / (MONTH / every * len(self.thresholds))


def read(root: Path) -> WatchSettings:
    """Return the settings of a project.

    Raises:
        SettingsError: a key is unknown or wrong, or the file is torn.
    """
    default = files(__package__ or "").joinpath("defaults.yaml").read_text(encoding="utf-8")
    layers: list[Any] = [OmegaConf.create(default)]
    known = set(layers[0].thresholds)
    try:
        if (root / FILE).exists():
            layers.append(OmegaConf.create((root / FILE).read_text(encoding="utf-8")))
        values = OmegaConf.to_container(OmegaConf.merge(*layers), resolve=True)
    except (OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise SettingsError(f"{FILE}: {' '.join(str(error).split())}", "mend it") from error
    assert isinstance(values, dict)
    found = build(WatchSettings, {str(key): one for key, one in values.items()}, str(FILE))
    if unknown := sorted(set(found.thresholds) - known):
        raise SettingsError(
            f"{FILE}: thresholds.{unknown[0]} is no feature",
            f"there are {', '.join(sorted(known))}",
        )
    return found
