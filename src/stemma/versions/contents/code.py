"""The code that made a version: the sections of code.lock that stand in its dvc.lock.

Versions from before code.lock name the files of code among the dependencies of a stage.
"""

from collections.abc import Iterable, Mapping

from stemma.layout import CODE, CONF, ENVIRONMENT, INPUT
from stemma.store.lock import LockEntry, Stage

_ELSEWHERE = (CONF.name, INPUT.parts[0], ENVIRONMENT.name, "models")


def code_of(stage: Stage) -> Mapping[str, str]:
    """Return the digest of each file of code that a stage ran; {} before there was a code.lock."""
    return stage.params_of(CODE.name).get(stage.name) or {}


def run_by(stages: Iterable[Stage]) -> dict[str, list[str]]:
    """Return the stages that ran each file of code, whichever way dvc.lock names it."""
    stages = list(stages)
    outs = {out.path for stage in stages for out in stage.outs}
    found: dict[str, list[str]] = {}
    for stage in stages:
        for path in code_of(stage) or _listed(stage, outs):
            found.setdefault(path, []).append(stage.name)
    return found


def has_lock(stages: Iterable[Stage]) -> bool:
    """Return whether a version has a code.lock."""
    return any(code_of(stage) for stage in stages)


def _listed(stage: Stage, outs: set[str]) -> list[str]:
    return [
        dep.path
        for dep in stage.deps
        if dep.path not in outs and _may_be_code(dep) and not is_folder_of_code(dep)
    ]


def is_folder_of_code(dep: LockEntry) -> bool:
    """Return whether a dependency is a folder of code, of which `compose` makes code.lock."""
    return dep.md5.endswith(".dir") and _may_be_code(dep)


def _may_be_code(dep: LockEntry) -> bool:
    return not dep.is_external and dep.path.split("/")[0] not in _ELSEWHERE
