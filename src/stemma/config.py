"""Settings as the stages see them: frozen dataclasses, read from params.yaml and nowhere else."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, dataclass_transform

import pydantic
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from stemma import merging, own
from stemma.errors import SettingsError
from stemma.layout import CONF, GATES, PARAMS, RECORD, REGISTRY, SEARCH

T = TypeVar("T")
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]

_RESET = "; or `stemma compose --reset` for what conf/ says"
_UNREADABLE = "mend it, or type `stemma compose --reset` for what conf/ says"
_STRICT = ConfigDict(
    extra="forbid",
    arbitrary_types_allowed=False,
    use_attribute_docstrings=True,
    # Hydra cannot write infinity as an override, and null is how settings say "no limit".
    allow_inf_nan=False,
)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def settings(kind: type[T]) -> type[T]:
    """Make a class a frozen dataclass that is checked when it is built and takes no unknown key."""
    return pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_STRICT)(kind)  # type: ignore[return-value]


def chosen(package: str, key: str) -> BeforeValidator:
    """Return what makes a section the ``Settings`` of the module that a key of it names.

    So a section's class can stand in one of several modules, and only that one is imported.

    Args:
        package: where our modules are; those of the project's own are in its src/.
        key: with its section, such as ``task.name``.
    """
    section, _, name = key.partition(".")

    def check(raw: Any, info: ValidationInfo) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        file = str(info.context)
        kind = getattr(own.load(package, raw.get(name), key, file), "Settings", None)
        if kind is None:
            raise SettingsError(
                f"{file}: '{key}' is {raw[name]!r}, which has no class Settings",
                "docs/init.md shows what a module of a project's own must have",
            )
        return build(kind, raw, file, section)

    return BeforeValidator(check)


def load(kind: type[T], path: Path = PARAMS) -> T:
    """Read one stage's settings; every field of ``kind`` is a section of params.yaml.

    Raises:
        SettingsError: the file or a section is missing, a key is missing, unknown or wrong, or
            conf/ has been edited since the file was composed.
    """
    raw = read_params(path)
    _refuse_drift(raw, path)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in names:
        if name not in raw:
            raise SettingsError(f"{path} has no section '{name}'", "type `stemma compose`")
    return build(kind, {name: raw[name] for name in names}, str(path))


def digest_of_conf(conf: Path) -> str:
    """Return a digest of the names and lines of the YAML files in conf/.

    Less those that say which version may go where, or what is searched: no stage reads them.
    """
    digest = hashlib.sha256()
    for path in sorted(conf.rglob("*.yaml")):
        if path.relative_to(conf).parts[0] in (REGISTRY.name, GATES.name, SEARCH.name):
            continue
        digest.update(path.relative_to(conf).as_posix().encode() + b"\0")
        # To YAML every line ending is the same; Git may have changed them.
        lines = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(hashlib.sha256(lines).digest())
    return digest.hexdigest()[:32]


def _refuse_drift(raw: Mapping[str, Any], path: Path) -> None:
    # In the pipeline `compose` has run before; a stage started by itself would take old values.
    conf, record = path.parent / CONF, raw.get(RECORD)
    if isinstance(record, dict) and conf.is_dir() and record.get("conf") != digest_of_conf(conf):
        raise SettingsError(
            f"{CONF}/ was edited after {path} was composed from it",
            "type `stemma compose --check` to see where, `stemma compose` to take it up",
        )


def read_params(path: Path = PARAMS) -> dict[str, Any]:
    """Return params.yaml as plain dictionaries and lists.

    Raises:
        SettingsError: there is no such file, it is no YAML mapping, or a merge is unfinished in it.
    """
    if not path.exists():
        raise SettingsError(f"{path} does not exist", "type `stemma compose`")
    try:
        merging.check(path.read_bytes(), str(path), SettingsError, _RESET)
        # OmegaConf and not a bare YAML 1.1 reader, which takes 1e-05 for a string.
        raw = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, OSError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", _UNREADABLE) from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path} holds no mapping of sections", _UNREADABLE)
    return _with_text_as_keys(raw)


def _with_text_as_keys(value: Any) -> Any:
    # YAML takes `5:` for a number, and keys of two kinds cannot be sorted.
    if not isinstance(value, dict):
        return value
    return {str(key): _with_text_as_keys(inner) for key, inner in value.items()}


def build(kind: type[T], raw: Mapping[str, Any], where: str, section: str | None = None) -> T:
    """Build and check one settings object.

    Args:
        kind: its class.
        raw: plain values.
        where: the file, for messages.
        section: the key that ``raw`` stands under, for messages.

    Raises:
        SettingsError: names the first key that is missing, unknown or wrong, and counts the others.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(raw), context=where)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first, others = problems[0], len(problems) - 1
        more = f"; {others} more like it" if others else ""
        raise SettingsError(
            f"{where}: {_describe(first, raw, section)}{more}",
            "settings are written in conf/ or with -S",
        ) from error


def _describe(problem: Mapping[str, Any], raw: Mapping[str, Any], section: str | None) -> str:
    key = ".".join(filter(None, [section, _key(problem["loc"], raw)]))
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"unknown key '{key}'"
    if problem["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"missing key '{key}'"
    return f"'{key}' is {problem['input']!r}: {problem['msg']}"


def _key(location: tuple[int | str, ...], raw: Any) -> str:
    # pydantic puts the tag of a union into the location; users know only the keys.
    parts = []
    for index, part in enumerate(location):
        inside = isinstance(raw, Mapping) and part in raw
        if inside or isinstance(part, int) or index == len(location) - 1:
            parts.append(str(part))
            raw = raw[part] if inside else None
    return ".".join(parts)
