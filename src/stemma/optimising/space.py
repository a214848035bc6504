"""What is searched: a file of conf/search/, checked against the settings of the project."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field

from stemma import overrides as grammar
from stemma.composition import Values, compose, record_of
from stemma.config import Positive, build, read_params, settings
from stemma.errors import SettingsError
from stemma.layout import PARAMS, SEARCH
from stemma.schema import Project

Number = int | float
Limit = Annotated[float, Field(gt=0)] | None
# What else is trained on, or measured on, makes losses that cannot be paired.
_SEARCHED = ("model", "train")
_FIXED = ("model.base", "model.name", "train.name", "train.sequence_length", "train.steps")
_MEASURED = ("train.validation_blocks", "train.sequence_length")


@settings
class Budget:
    """What a trial costs."""

    trials: Positive
    overrides: list[str]
    """In Hydra's grammar, such as train.steps=62."""


@settings
class Pruning:
    """When a trial ends early."""

    level: Annotated[float, Field(gt=0, lt=1)] | None
    """How often a trial that is as good as the best may be ended; null for never."""
    share: Annotated[float, Field(ge=0, le=1)]
    """Of the steps, before which none ends; ``from`` in the file."""


@settings
class Constraints:
    """Limits, as the gate ``footprint`` has them."""

    megabytes: Limit
    first_token_ms: Limit
    token_ms: Limit
    memory_megabytes: Limit
    prompt_tokens: Positive

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by name."""
        values = {name: value for name, value in vars(self).items() if name != "prompt_tokens"}
        return {name: value for name, value in values.items() if value is not None}


@settings
class Space:
    """What is searched."""

    keys: dict[str, dict[str, Any]]
    budget: Budget
    pruning: Pruning
    constraints: Constraints


def read(word: str, root: Path = Path()) -> tuple[Space, str]:
    """Return a space and the path of its file from the project's root.

    Args:
        word: its name in conf/search/, or the path of its file.
        root: the project.

    Raises:
        SettingsError: there is no such file, or it holds something else.
    """
    path = Path(word) if word.endswith(".yaml") else SEARCH / f"{word}.yaml"
    if not (root / path).is_file():
        known = ", ".join(sorted(one.stem for one in (root / SEARCH).glob("*.yaml"))) or "none"
        raise SettingsError(f"{path} does not exist", f"{SEARCH}/ has {known}")
    try:
        raw = OmegaConf.to_container(OmegaConf.load(root / path), resolve=True)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, OSError) as error:
        line = " ".join(str(error).split())
        raise SettingsError(f"{path} cannot be read: {line}", "mend it") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path} holds no mapping", "conf/search/default.yaml has its keys")
    if isinstance(raw.get("pruning"), dict) and "from" in raw["pruning"]:
        raw["pruning"]["share"] = raw["pruning"].pop("from")  # no name that Python has
    found = build(Space, {str(key): value for key, value in raw.items()}, str(path))
    if not found.keys:
        raise SettingsError(f"{path} has no keys", "name a setting, such as train.learning_rate")
    for key, one in found.keys.items():
        _check_form(str(path), key, one)
    return found, str(path)


def overrides_in_force(root: Path = Path()) -> list[str]:
    """Return the overrides that params.yaml was made with, which a trial keeps."""
    return list(record_of(read_params(root / PARAMS)).get("overrides", ()))


def committed(space: Space, where: str, root: Path = Path()) -> tuple[list[str], Values]:
    """Return what every trial is made with: overrides, and the settings that these give.

    Raises:
        SettingsError: a key is no setting, cannot be searched, has an impossible value at an end of
            its range, or the committed value is not within it; or conf/ cannot be composed.
    """
    budget = space.budget.overrides
    for one in budget:
        key = grammar.key_of(one)
        if key.split(".")[0] not in (*_SEARCHED, "runtime") or key in space.keys:
            raise SettingsError(
                f"{where}: budget.overrides sets {key}",
                "a budget sets what is within model, train or runtime, and no key that is searched",
            )
    replaced = {grammar.key_of(one) for one in budget}
    kept = [one for one in overrides_in_force(root) if grammar.key_of(one) not in replaced]
    values = compose([*kept, *budget], root).values
    known = dict(grammar.leaves(values))
    for key, one in space.keys.items():
        if key not in known:
            raise SettingsError(f"{where}: {key} is no setting", "`-S` takes the same keys")
        if key.split(".")[0] not in _SEARCHED or key in (*_FIXED, *_MEASURED):
            raise SettingsError(
                f"{where}: {key} cannot be searched",
                "trials are compared on the same tokens after the same steps: search within model "
                "and train",
            )
        _check_values(where, key, one, known[key], values)
    return [*kept, *budget], values


def values_of(space: Space, values: Values) -> dict[str, Any]:
    """Return the committed value of each key that is searched."""
    known = dict(grammar.leaves(values))
    # A whole number in a range of fractions is one of them.
    return {
        key: float(known[key]) if _is_fraction(one) else known[key]
        for key, one in space.keys.items()
    }


def distributions(space: Space) -> dict[str, Any]:
    """Return Optuna's distribution of each key."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found: dict[str, Any] = {}
    for key, one in space.keys.items():
        if "choices" in one:
            found[key] = CategoricalDistribution(one["choices"])
        else:
            kind = FloatDistribution if _is_fraction(one) else IntDistribution
            found[key] = kind(one["low"], one["high"], log=bool(one.get("log", False)))
    return found


def override(key: str, value: Any) -> str:
    """Return a proposal as Hydra takes it."""
    return f"{key}={grammar.literal(value)}"


def with_values(values: Values, found: Mapping[str, Any]) -> Values:
    """Return settings with some of them set to others."""
    made = copy.deepcopy(values)
    for key, value in found.items():
        *path, last = key.split(".")
        section: Any = made
        for part in path:
            section = section[part]
        section[last] = value
    return made


def _is_fraction(one: Mapping[str, Any]) -> bool:
    return "low" in one and (isinstance(one["low"], float) or isinstance(one["high"], float))


def _check_form(where: str, key: str, one: Mapping[str, Any]) -> None:
    hint = "{low, high}, {low, high, log: true} or {choices: […]}"
    if "choices" in one:
        choices = one["choices"]
        if set(one) != {"choices"} or not isinstance(choices, list) or not choices:
            raise SettingsError(f"{where}: choices of {key} is no list of values alone", hint)
        if any(not isinstance(value, str | int | float | bool | None) for value in choices):
            raise SettingsError(f"{where}: a choice of {key} is no single value", hint)
        return
    if not {"low", "high"} <= set(one) <= {"low", "high", "log"}:
        raise SettingsError(f"{where}: {key} has {', '.join(one) or 'nothing'}", hint)
    low, high = one["low"], one["high"]
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (low, high)):
        raise SettingsError(f"{where}: low and high of {key} are no numbers", hint)
    if low >= high:
        raise SettingsError(f"{where}: low {low} of {key} is not below high {high}", "swap them")
    if one.get("log") and low <= 0:
        raise SettingsError(
            f"{where}: low {low} of {key} has no logarithm", "raise it, or set log to false"
        )


def _check_values(where: str, key: str, one: Mapping[str, Any], now: Any, values: Values) -> None:
    section = key.split(".")[0]
    for value in one.get("choices") or (one["low"], one["high"]):
        try:
            build(Project, with_values(values, {key: value}), where)
        except SettingsError as error:
            raise SettingsError(
                f"{where}: {key} cannot be {value!r}: {error.message.removeprefix(f'{where}: ')}",
                f"see conf/{section}/",
            ) from error
    if "choices" in one:
        within = now in one["choices"]
    else:
        within = isinstance(now, int | float) and one["low"] <= now <= one["high"]
    if not within:
        raise SettingsError(
            f"{where}: {key} is {now!r} in {PARAMS}, which is none of its values here",
            "trial 0 is what is committed: let the range hold it",
        )
