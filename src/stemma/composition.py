"""Composes conf/ into params.yaml, and notices when the two have drifted apart.

params.yaml carries a record of how it was made, under ``composed``:

    conf       digest of the files in conf/
    overrides  the shortest list of Hydra overrides that leads from conf/ to these values
    values     digest of the values themselves

The overrides are found by comparing, not by remembering what was typed, so they are the same for
``dvc exp run -S``, for ``stemma compose`` and for an edit of params.yaml by ``--no-hydra -S``. With
them an edit of conf/ can be taken up under the overrides of the experiment that was applied.
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stemma import code, merging, shipped
from stemma import overrides as grammar
from stemma.config import build, digest_of_conf, read_params
from stemma.corpus.cleaning.secrets import find_secret
from stemma.errors import SettingsError
from stemma.files import atomic_file
from stemma.layout import CONF, PARAMS, RECORD
from stemma.schema import Project

_SHOWN = 8  # keys that a message lists
Values = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Composition:
    """What conf/ and a list of overrides come to.

    Attributes:
        values: the settings, by group.
        overrides: the shortest list of overrides that gives them.
        conf: digest of conf/.
    """

    values: Values
    overrides: tuple[str, ...]
    conf: str

    def record(self) -> Values:
        """Return what params.yaml says under ``composed``."""
        return {
            "conf": self.conf,
            "overrides": list(self.overrides),
            "values": digest_of_values(self.values),
        }


def compose(overrides: Sequence[str] = (), root: Path = Path()) -> Composition:
    """Compose and check ``root/conf``.

    Raises:
        SettingsError: names the key that is unknown, missing, wrong, or that would write a secret.
    """
    values = _checked(composed("config", overrides, root))
    return Composition(values, _canonical(values, root), digest_of_conf(root / CONF))


def recompose(
    overrides: Sequence[str] = (), *, reset: bool = False, root: Path = Path()
) -> Composition:
    """Compose conf/ as it is now, under the overrides that params.yaml was made with.

    Args:
        overrides: further ones; they win over those of params.yaml.
        reset: forget those of params.yaml.
        root: the project.

    Raises:
        SettingsError: as ``compose``; or conf/ and params.yaml were both edited by hand.
    """
    kept = () if reset else _overrides_in_force(root)
    replaced = {grammar.key_of(override) for override in overrides}
    kept = [override for override in kept if grammar.key_of(override) not in replaced]
    return compose([*kept, *overrides], root)


def write(composition: Composition, root: Path = Path()) -> list[str]:
    """Write params.yaml and code.lock, each atomically.

    Returns:
        A line for each key of params.yaml that changed, if it was there, and for each stage whose
        code did.
    """
    path = root / PARAMS
    try:
        before = _without_record(read_params(path))
    except SettingsError:  # a file that is missing or torn is replaced
        before = composition.values
    content = {RECORD: composition.record(), **composition.values}
    with atomic_file(path, "w") as handle:
        handle.write(OmegaConf.to_yaml(OmegaConf.create(content)))
    changed = _changes(before, composition.values)
    return [*changed, *code.write(composition.values, root)]


def differences(root: Path = Path()) -> list[str]:
    """Return a line for each key of params.yaml and each module of code.lock that has drifted.

    Raises:
        SettingsError: conf/ cannot be composed, or there is no params.yaml.
        ReproducibilityError: there is no code.lock, or it is torn.
    """
    stored = read_params(root / PARAMS)
    composition = recompose(root=root)
    lines = _changes(_without_record(stored), composition.values)
    if not lines and stored.get(RECORD) != composition.record():
        lines.append(f"{RECORD}: the record of how params.yaml was made is out of date")
    return [*lines, *code.differences(composition.values, root)]


def record_for_dvc(config: DictConfig) -> Values:
    """Check what DVC has composed and return its record; the Hydra plugin calls this.

    Raises:
        SettingsError: as ``compose``.
    """
    root = _project_root()
    values = _checked(config)
    composition = Composition(values, _canonical(values, root), digest_of_conf(root / CONF))
    _warn_of_lost_overrides(composition, root)
    return composition.record()


def digest_of_values(values: Values) -> str:
    """Return a digest of settings that does not depend on the order of keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


def composed(name: str, overrides: Sequence[str], root: Path) -> DictConfig:
    """Compose a file of conf/ by Hydra, as it stands: nothing is checked or resolved.

    Args:
        name: of the file in conf/, without its ending; one of a group may be the package's own.
        overrides: in Hydra's grammar.
        root: the project.

    Raises:
        SettingsError: there is no such file, Hydra refuses, or a merge is unfinished in conf/.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException

    conf = (root / CONF).resolve()
    if not shipped.chosen(name, conf):
        raise SettingsError(f"{root / CONF}/{name}.yaml does not exist", "run this in a project")
    for path in sorted(conf.rglob("*.yaml")):
        merging.check(path.read_bytes(), path.relative_to(conf.parent).as_posix(), SettingsError)
    try:
        with initialize_config_dir(str(conf), version_base="1.3"):
            return hydra_compose(name, list(overrides))
    # Hydra lets the errors of YAML through, and meets a group without a choice with a ValueError.
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        shown = _few(overrides, " ")
        hint = f"overrides in force: {shown}; `stemma compose --reset` drops them"
        line = " ".join(str(error).split())
        raise SettingsError(line, hint if overrides else "see conf/") from error


def _checked(config: DictConfig) -> Values:
    for key, value in grammar.scalars(OmegaConf.to_container(config, resolve=False)):
        if value == "???":
            raise SettingsError(f"'{key}' has no value (???)", f"type -S {key}=…")
        if isinstance(value, str) and "${oc.env" in value.replace(" ", ""):
            raise SettingsError(
                f"'{key}' reads an environment variable, which would be committed in clear",
                "let the tool that needs it read the environment",
            )
    values = _resolved(config)
    for key, value in grammar.scalars(values):
        service = find_secret(value) if isinstance(value, str) else None
        if service:
            raise SettingsError(
                f"'{key}' looks like a secret ({service})", "secrets do not belong in settings"
            )
    build(Project, values, CONF.name)
    return values


def _resolved(config: DictConfig) -> Values:
    raw = OmegaConf.to_container(config, resolve=False)
    assert isinstance(raw, dict)
    raw.pop(RECORD, None)
    try:
        values = OmegaConf.to_container(OmegaConf.create(raw), resolve=True)
    except OmegaConfBaseException as error:
        raise SettingsError(" ".join(str(error).split()), "see conf/") from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _canonical(values: Values, root: Path) -> tuple[str, ...]:
    found: list[str] = []
    base = _resolved(composed("config", [], root))
    recipe = values.get("experiment")
    if recipe != base.get("experiment"):
        found.append("~experiment" if recipe is None else f"experiment={grammar.literal(recipe)}")
        base = _resolved(composed("config", found, root))
    choices = [
        f"{group}={section['name']}"
        for group, section in values.items()
        if isinstance(section, dict)
        and section.get("name") != base.get(group, {}).get("name")
        and shipped.chosen(f"{group}/{section.get('name')}", root / CONF)
    ]
    if choices:
        found += choices
        base = _resolved(composed("config", found, root))
    return (*found, *grammar.between(base, values))


def _overrides_in_force(root: Path) -> Sequence[str]:
    path = root / PARAMS
    if not path.exists():
        return ()
    stored = read_params(path)
    record, values = record_of(stored), _without_record(stored)
    if digest_of_values(values) == record.get("values"):
        return record["overrides"]
    if record.get("conf") == digest_of_conf(root / CONF):
        return _canonical(values, root)
    kept = record.get("overrides", ())
    changes = _changes(values, compose(kept, root).values)
    if not changes:
        return kept
    reason = f"conf/ and {PARAMS} were both edited" if record else f"{PARAMS} has lost its record"
    raise SettingsError(
        f"{reason}; they differ in: {_few(changes, '; ')}",
        "keep conf/: `stemma compose --reset`; keep a value: `stemma compose --reset KEY=VALUE`",
    )


def record_of(stored: Values) -> Values:
    """Return the record in what params.yaml holds; empty if there is none, or a hand broke it."""
    record = stored.get(RECORD)
    overrides = record.get("overrides") if isinstance(record, dict) else None
    whole = isinstance(overrides, list) and all(isinstance(one, str) for one in overrides)
    return stored[RECORD] if whole else {}


def _few(items: Sequence[str], separator: str) -> str:
    more = [f"and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else []
    return separator.join([*items[:_SHOWN], *more])


def _without_record(stored: Values) -> Values:
    return {key: value for key, value in stored.items() if key != RECORD}


def _changes(before: Values, after: Values) -> list[str]:
    old, new = dict(grammar.leaves(before)), dict(grammar.leaves(after))
    return list(_change_lines(old, new))


def _change_lines(old: Values, new: Values) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            yield f"{key}: {grammar.literal(old[key])} -> (gone)"
        elif key not in old:
            yield f"{key}: (new) -> {grammar.literal(new[key])}"
        elif old[key] != new[key]:
            yield f"{key}: {grammar.literal(old[key])} -> {grammar.literal(new[key])}"


def _project_root() -> Path:
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / CONF / "config.yaml").exists():
            return folder
    raise SettingsError("no conf/config.yaml here or above", "run this in a project")


def _warn_of_lost_overrides(composition: Composition, root: Path) -> None:
    path = root / PARAMS
    if not path.exists():
        return
    before = record_of(read_params(path)).get("overrides", [])
    kept = {grammar.key_of(override) for override in composition.overrides}
    lost = [override for override in before if grammar.key_of(override) not in kept]
    if lost:
        print(
            f"stemma: params.yaml had {' '.join(lost)}; this composition goes back to conf/. "
            f"To keep it: -S {' -S '.join(lost)}, or --no-hydra",
            file=sys.stderr,
        )
