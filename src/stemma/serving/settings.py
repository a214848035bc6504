"""How versions are served: defaults.yaml, and over it conf/serving.yaml of the project."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field

from stemma.config import Positive, build, settings
from stemma.errors import SettingsError
from stemma.layout import CONF
from stemma.monitoring.settings import MonitoringSettings

FILE = CONF / "serving.yaml"
Seconds = Annotated[float, Field(gt=0)]


@settings
class CanarySettings:
    """When a canary is dropped."""

    alarm: Annotated[float, Field(gt=0, lt=1)]
    """How many canaries of a hundred may be dropped though they are no worse."""
    errors: Annotated[float, Field(ge=0, lt=1)]
    """By which its share of failed requests may be greater."""
    latency: Annotated[float, Field(gt=1)]
    """How many times the seconds per token of the current version it may take."""
    bits_per_byte: Annotated[float, Field(gt=0)] | None
    """By which it may foresee the prompts worse; null does not ask."""


@settings
class ServingSettings:
    """How versions are served."""

    engine: Literal["transformers", "openvino", "vllm"]
    """What computes."""
    dtype: Literal["float32", "bfloat16", "float16", "int8"] | None
    """Of weights and arithmetic; null for what the export is stored in."""
    threads: Positive | None
    """Of the engine; null for one per core."""
    batched: bool
    """Whether sequences are computed together."""
    running: Positive
    """Most sequences that are computed at once."""
    room: Positive | None
    """Most tokens of prompt and answer; null for what the model allows."""
    vllm: str
    """The command that starts vLLM, and its options."""
    answers: Positive
    """Most answers to one request."""
    completion_tokens: Positive
    """Most tokens of one answer."""
    body_bytes: Positive
    """Of a request."""
    body_seconds: Seconds
    """In which a request must have arrived."""
    seconds: Seconds
    """In which it must be answered."""
    waiting: Annotated[int, Field(ge=0)]
    """Most sequences that wait."""
    drain_seconds: Seconds
    """For what runs, when a version or the server ends."""
    keys: str | None
    """The file with the keys; null where anybody on this machine may ask."""
    log_prompts: bool
    """Whether prompts and answers stand in the log."""
    votes: str
    """The file that keeps the votes of the page; it may be one in Git."""
    look_seconds: Seconds
    """Between two looks at the tags."""
    fetch: bool
    """Whether tags are fetched from the remote of Git before a look."""
    fetch_seconds: Seconds
    """Between two looks, where tags are fetched."""
    start_seconds: Seconds
    """In which a new version must be ready."""
    memory_share: Annotated[float, Field(gt=0, le=1)]
    """Of the free memory that a new version may take."""
    smoke: list[str]
    """What a new version must answer before it is asked anything else."""
    monitoring: MonitoringSettings
    """What is recorded."""
    canary: CanarySettings
    """When a canary is dropped."""


def read(
    root: Path, given: dict[str, Any] | None = None, words: Sequence[str] = ()
) -> ServingSettings:
    """Return the settings of a project, with what the command line says over them.

    Args:
        root: the project; a folder without conf/ has the defaults.
        given: by key; None of a value leaves a setting as it is.
        words: such as ``running=4`` or ``canary.latency=2``.

    Raises:
        SettingsError: a key is unknown or wrong, or the file is torn.
    """
    over = {key: value for key, value in (given or {}).items() if value is not None}
    default = files("stemma.serving").joinpath("defaults.yaml").read_text(encoding="utf-8")
    layers: list[Any] = [OmegaConf.create(default)]
    try:
        if (root / FILE).exists():
            layers.append(OmegaConf.create((root / FILE).read_text(encoding="utf-8")))
        layers += [OmegaConf.from_dotlist([*words]), over]
        values = OmegaConf.to_container(OmegaConf.merge(*layers), resolve=True)
    except (OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise SettingsError(f"{FILE}: {' '.join(str(error).split())}", "mend it") from error
    assert isinstance(values, dict)
    return build(ServingSettings, {str(key): one for key, one in values.items()}, str(FILE))
