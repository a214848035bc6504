"""The version has stood on the stage before."""

from stemma.config import settings
from stemma.registry.case import Case, Outcome

NAME = "promoted_from"


@settings
class Settings:
    """Of the gate."""

    stage: str
    """The stage before."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether the version has stood there, by a decision that was not taken back."""
    if case.registered is None:
        return Outcome(NAME, False, "it is not registered, so it stood nowhere")
    history = case.registry.history(case.registered.artifact, settings.stage)
    for one in reversed(history):
        if (one.commit, one.version) == (case.registered.commit, case.registered.version):
            told = f"it came to {settings.stage} by {one.tag}"
            return Outcome(NAME, True, told, {"tag": one.tag})
    return Outcome(
        NAME, False,
        f"it never stood on {settings.stage}: `stemma promote {case.registered.version} "
        f"{settings.stage}` comes first",
        {"stage": settings.stage},
    )  # fmt: skip
