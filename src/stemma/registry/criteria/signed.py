"""The version is signed by one of the registry's keys."""

from pathlib import Path

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.registry.folders import as_folder
from stemma.registry.signatures import checked
from stemma.registry.trust import RefusedError

NAME = "signed"


@settings
class Settings:
    """Of the gate; the keys are those of conf/registry.yaml."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Check the signatures of the version over its files."""
    if case.registered is None:
        return Outcome(NAME, False, "it is not registered, so nobody can have signed it")
    keys = [case.root / Path(key) for key in case.settings.keys]
    with as_folder(case.version, case.model.output, case.root) as folder:
        try:
            key = checked(case.registered, case.registry, folder, keys)
        except RefusedError as error:
            return Outcome(NAME, False, error.message)
    return Outcome(NAME, True, f"signed by the key {key}", {"key": key})
