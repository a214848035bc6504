"""Which model is meant: its name in the registry, and the words by which users name versions."""

import dataclasses
from pathlib import Path

from stemma.store import git
from stemma.store.errors import ProjectError
from stemma.store.registry import Registered, Registry
from stemma.store.version import Tree, Version


@dataclasses.dataclass(frozen=True)
class Model:
    """A model that a version hands on.

    Attributes:
        name: in the registry: that of ``artifacts:`` in dvc.yaml, behind the project's folder and a
            colon where the project is not the top of its repository.
        output: the path of its files from the project's root.
    """

    name: str
    output: str


def model_of(version: Version, name: str | None = None, root: Path = Path()) -> Model:
    """Return a model that dvc.yaml of a version declares.

    Args:
        version: whose model it is.
        name: as ``artifacts:`` or the registry has it; None for the one that is handed on.
        root: the project.

    Raises:
        ProjectError: dvc.yaml declares none, or none of this name.
    """
    declared = version.declared
    models = {one.name: one.path for one in declared.artifacts if one.type == "model"}
    if not models:
        raise ProjectError(
            f"dvc.yaml of {version.name} declares no model",
            "under `artifacts:` give it a name, its path and `type: model`",
        )
    folder = git.run(["rev-parse", "--show-prefix"], root).strip().rstrip("/")
    if name is None:
        handed_on = [one for one, path in models.items() if path == declared.exported]
        chosen = handed_on[0] if handed_on else next(iter(models))
    else:
        chosen = name.removeprefix(f"{folder}:") if folder else name
    if chosen not in models:
        raise ProjectError(
            f"dvc.yaml of {version.name} declares no model '{name}'", f"it has {', '.join(models)}"
        )
    return Model(f"{folder}:{chosen}" if folder else chosen, models[chosen])


def artifact_of(registry: Registry, word: str | None = None) -> str:
    """Return the name of a model: the one that is named, that of dvc.yaml here, or the only one.

    Raises:
        ProjectError: there is none, or it cannot be told which.
    """
    known = registry.artifacts
    if word is not None:
        if word in known:
            return word
        raise ProjectError(f"no version of '{word}' is registered", _known(known))
    try:
        here = model_of(Tree(registry.root), None, registry.root).name
    except ProjectError:
        here = ""
    if here in known or len(known) == 1:
        return here if here in known else known[0]
    if not known:
        raise ProjectError("no version is registered here", "`stemma register` gives one a name")
    raise ProjectError("which model is meant?", _known(known))


def find(registry: Registry, word: str) -> Registered:
    """Return the version that a user names: ``lm@v1.2.0``, ``v1.2.0``, ``1.2.0``, ``lm#prod``.

    Raises:
        ProjectError: there is none of this name.
    """
    name, _, stage = word.partition("#")
    if stage:
        current = registry.current(artifact_of(registry, name or None), stage)
        if current is None or current.version is None:
            raise ProjectError(f"nothing stands on {stage}", "see `stemma versions`")
        return find(registry, f"{current.artifact}@{current.version}")
    name, at, version = word.rpartition("@")
    artifact = artifact_of(registry, name if at else None)
    version = version if version.startswith("v") else f"v{version}"
    versions = registry.versions(artifact)
    for one in versions:
        if one.version == version:
            return one
    known = ", ".join(one.version for one in versions[-5:]) or "none"
    raise ProjectError(
        f"{artifact} has no version {version}", f"the last are {known}; `stemma register` names one"
    )


def _known(names: list[str]) -> str:
    return f"there are {', '.join(names)}" if names else "`stemma register` gives one a name"
