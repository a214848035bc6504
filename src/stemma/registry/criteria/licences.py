"""The licence of every source is on the list of those that are allowed."""

from fnmatch import fnmatchcase

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.versions.contents.sources import md5_of_sources, read_sources

NAME = "licences"


@settings
class Settings:
    """Of the gate."""

    allowed: list[str]
    """Licences, such as CC-BY-4.0; ``*`` stands for anything. Upper and lower case are the same."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say which sources have a licence that is not allowed, or none."""
    if md5_of_sources(case.version) is None:
        return Outcome(
            NAME, False, f"{case.version.name} does not say where its documents are from"
        )
    found = {
        name: str(facts.get("license") or "") for name, facts in read_sources(case.version).items()
    }
    wrong = {name: one for name, one in found.items() if not _is_allowed(one, settings.allowed)}
    if wrong:
        told = "; ".join(f"{name}: {one or 'no licence'}" for name, one in wrong.items())
        return Outcome(NAME, False, f"{told} is not on the list", {"refused": wrong})
    told = "; ".join(f"{name}: {one}" for name, one in found.items())
    return Outcome(NAME, True, told, {"licences": found})


def _is_allowed(licence: str, allowed: list[str]) -> bool:
    return bool(licence) and any(fnmatchcase(licence.casefold(), one.casefold()) for one in allowed)
