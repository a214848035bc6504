"""What may go where: conf/registry.yaml and conf/gates/, composed by Hydra.

They are read as they stand in the project, not in the version that is judged: whoever may change
what is asked of versions may change it for those that are there already.
"""

import hashlib
import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field

from stemma.composition import composed
from stemma.config import build, settings
from stemma.errors import SettingsError
from stemma.layout import CONF, REGISTRY
from stemma.store import git

OWN = "_target_"
"""The key of a gate that names a function of the project's own, as Hydra has it."""
Count = Annotated[int, Field(ge=0)]
Require = Literal["signed", "evidence", "none"]


@settings
class StageSettings:
    """A stage, such as prod."""

    promotes_from: str | None
    """The stage on which a version must have stood before; null for none."""
    approvals: Count
    """How many people must have approved a version for this stage."""
    gates: dict[str, dict[str, Any] | None]
    """What is asked of a version, by the name of the gate; null leaves one out."""


@settings
class RegistrySettings:
    """What may go where, and what a reader takes."""

    require: Require
    """What a reader asks of what stands on a stage: evidence that belongs to it, a signature too,
    or nothing."""
    keys: list[str]
    """Files with the public keys whose signatures count."""
    stages: dict[str, StageSettings]
    """The stages, by name."""

    def __post_init__(self) -> None:
        for name, stage in self.stages.items():
            seen, before = [name], stage.promotes_from
            while before is not None:
                if before not in self.stages:
                    raise SettingsError(
                        f"{REGISTRY}: stages.{seen[-1]}.promotes_from is {before!r}, which is no "
                        "stage",
                        f"there are {', '.join(self.stages)}",
                    )
                if before in seen:
                    raise SettingsError(
                        f"{REGISTRY}: the stages {', '.join(seen)} promote in a circle", "break it"
                    )
                seen.append(before)
                before = self.stages[before].promotes_from
            _check_gates(name, stage)

    def stage(self, name: str) -> StageSettings:
        """Return a stage by its name.

        Raises:
            SettingsError: there is no such stage.
        """
        if name in self.stages:
            return self.stages[name]
        known = ", ".join(self.stages) or "none"
        raise SettingsError(
            f"{REGISTRY} has no stage '{name}'", f"it has {known}; add it there to use it"
        )


NOTHING = RegistrySettings(require="evidence", keys=[], stages={})
"""The settings of a project that has none."""


def read(root: Path = Path(), revision: str | None = None) -> RegistrySettings:
    """Return the settings of the registry; NOTHING where a project has none.

    Args:
        root: the project.
        revision: of which they are wanted, as in a bare repository; None for the working tree.

    Raises:
        SettingsError: a key is missing, unknown or wrong, or names no gate or stage.
    """
    if revision is not None:
        with tempfile.TemporaryDirectory() as folder:
            _lay_out(revision, root, Path(folder))
            return read(Path(folder))
    if not (root / REGISTRY).exists():
        return NOTHING
    try:
        values = OmegaConf.to_container(composed(REGISTRY.stem, [], root), resolve=True)
    except OmegaConfBaseException as error:
        raise SettingsError(" ".join(str(error).split()), f"see {REGISTRY}") from error
    assert isinstance(values, dict)
    return build(
        RegistrySettings, {str(key): value for key, value in values.items()}, str(REGISTRY)
    )


def digest_of(stage: StageSettings) -> str:
    """Return a digest of what a stage asks, by which a decision names it."""
    asked = {"approvals": stage.approvals, "from": stage.promotes_from, "gates": stage.gates}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _check_gates(name: str, stage: StageSettings) -> None:
    for gate, asked in stage.gates.items():
        if asked is None or OWN in asked:
            continue
        package = "stemma.registry.criteria"
        if not gate.isidentifier() or find_spec(f"{package}.{gate}") is None:
            raise SettingsError(
                f"{REGISTRY}: the stage {name} asks for the gate '{gate}', which there is not",
                f"see `stemma gates --list`; one of your own has {OWN}: package.function",
            )


def _lay_out(revision: str, root: Path, folder: Path) -> None:
    for path in git.run(["ls-tree", "-r", "-z", "--name-only", revision, CONF.name], root).split(
        "\0"
    ):
        if path:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(git.content(revision, path, root) or b"")
