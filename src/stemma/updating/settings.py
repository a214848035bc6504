"""What an update learns from, and how: conf/update/NAME.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field

from stemma import shipped
from stemma.composition import composed
from stemma.config import Positive, Share, build, settings
from stemma.errors import SettingsError
from stemma.layout import CONF

FOLDER = CONF / "update"


@settings
class Take:
    """What is taken of a record."""

    corrections: bool
    """What answers should have been, behind their prompts."""
    prompts: bool
    """Prompts alone."""
    liked: bool
    """Prompts with answers that got a thumb up."""
    preferences: bool
    """Thumbs, and corrections beside what they correct."""


@settings
class UpdateSettings:
    """What an update learns from, and how."""

    days: Annotated[float, Field(gt=0)]
    """How far back it looks."""
    fewest: Positive
    """Records below which no version is made."""
    most: Positive
    """Most records."""
    most_per_user: Positive
    """Most records of one user."""
    take: Take
    """What is taken of a record."""
    held_out: Share
    """Most of a record's n-grams that may stand in held-out documents."""
    times: Positive
    """How often each record counts in training."""
    train: str
    """A file of conf/train/."""
    overrides: tuple[str, ...]
    """Further settings of the candidate."""


def read(name: str, root: Path) -> UpdateSettings:
    """Return the rules of a name.

    Raises:
        SettingsError: there are none, or a key is missing, unknown or wrong.
    """
    path = FOLDER / f"{name}.yaml"
    there = {one.stem for one in (root / FOLDER).glob("*.yaml")}
    there |= {*shipped.choices(FOLDER.name)}
    if name not in there:
        raise SettingsError(f"there is no {path}", f"there are {', '.join(sorted(there))}")
    try:
        found = composed(f"{FOLDER.name}/{name}", [], root)
        told: Any = OmegaConf.to_container(found, resolve=True)
    except OmegaConfBaseException as error:
        raise SettingsError(" ".join(str(error).split()), f"see {path}") from error
    values = told.get(FOLDER.name) if isinstance(told, dict) else None
    return build(UpdateSettings, values or {}, str(path))
