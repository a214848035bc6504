"""Neither the version nor any that it descends from is recalled."""

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.store import git
from stemma.versions.history.descent import Descent
from stemma.versions.history.records import records

NAME = "not_recalled"


@settings
class Settings:
    """Of the gate."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether no version in the line of descent is recalled."""
    recalls = [one for one in case.registry.events if one.kind == "recall"]
    if not recalls:
        return Outcome(NAME, True, "no version is recalled", {"recalled": []})
    assert case.version.commit
    own = {case.version.commit, *_made_in(case.version.commit, case)}
    found = records(["--all", case.version.commit], case.root)
    descent = Descent(found, case.root)
    known = {one.commit for one in found}
    line = set().union(*(descent.ancestors(one) for one in own & known))
    told = []
    for one in recalls:
        commits = {one.tag.commit, *_made_in(one.tag.commit, case)}
        name = f"{one.artifact}@{one.version}"
        why = one.evidence.get("why", "no reason is given")
        if commits & own or _same_bytes(one.artifact, one.version or "", case):
            told.append(f"{name} is recalled: {why}")
        elif commits & line:
            told.append(f"it descends from {name}, which is recalled: {why}")
    if told:
        return Outcome(NAME, False, "; ".join(told), {"recalled": told})
    if unknown := [descent.unknown[one] for one in own if one in descent.unknown]:
        return Outcome(NAME, False, f"what it descends from is not known: {unknown[0]}", {})
    return Outcome(NAME, True, "neither it nor what it descends from is recalled", {"recalled": []})


def _made_in(commit: str, case: Case) -> set[str]:
    """Return the commit that brought the dvc.lock of a commit: the name that history has for it."""
    if not git.find(commit, case.root):
        return set()
    return {one.commit for one in records(["-1", commit], case.root)}


def _same_bytes(artifact: str, version: str, case: Case) -> bool:
    registered = [one for one in case.registry.versions(artifact) if one.version == version]
    return any(one.evidence.get("digest") == case.digest for one in registered)
