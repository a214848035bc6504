"""Takes the votes that the page sends."""

import datetime
import hashlib
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import pydantic

from stemma.errors import SettingsError
from stemma.store.votes import Choice, Side, Vote, keep

Name = Annotated[str, pydantic.Field(min_length=1, max_length=300)]


class Ballot(pydantic.BaseModel):
    """What a browser sends of a vote.

    Attributes:
        a: the version whose answer stood on the left.
        b: the one on the right.
        choice: whose answer was the better one.
        blind: whether the names were hidden and the sides drawn by chance.
        prompt: what both answered; only its SHA-256 is kept.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    a: Name
    b: Name
    choice: Choice
    blind: pydantic.StrictBool
    prompt: str


Take = Callable[[Ballot, str | None], Vote]
"""Keeps a ballot that came with a key, or without one, and returns the vote."""


def taker(path: Path, sides: Callable[[], Iterable[Side]]) -> Take:
    """Return what keeps ballots in a file.

    Args:
        path: of the file; `stemma.store.votes.path_of` says where a project has it.
        sides: tells which versions are served now.

    Returns:
        A function that raises SettingsError where a ballot names a version that is not served, or
        the same one twice, and OSError where the file cannot be written.
    """

    def take(ballot: Ballot, key: str | None) -> Vote:
        served = {side.version: side for side in sides()}
        for name in (ballot.a, ballot.b):
            if name not in served:
                raise SettingsError(
                    f"'{name}' is not served, and no vote on it is kept",
                    f"there are {', '.join(served)}",
                )
        if ballot.a == ballot.b:
            raise SettingsError(f"both sides are '{ballot.a}'", "vote between two versions")
        vote = Vote(
            id=uuid.uuid4().hex,
            time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            a=served[ballot.a],
            b=served[ballot.b],
            choice=ballot.choice,
            blind=ballot.blind,
            prompt_sha256=hashlib.sha256(ballot.prompt.encode(errors="replace")).hexdigest(),
            voter=voter_of(key),
        )
        keep(path, vote)
        return vote

    return take


def voter_of(key: str | None) -> str | None:
    """Return what stands for a key in votes, from which nobody can tell the key."""
    # Not what a server compares keys with: the votes may be in Git.
    return key and hashlib.sha256(b"stemma vote\0" + key.encode()).hexdigest()[:16]
