"""What is recorded of a request, and what it is made of."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from stemma.corpus import features
from stemma.corpus.features import Features


@dataclasses.dataclass(frozen=True)
class Finished:
    """A request that is over, as the server knows it: it has texts, and is never stored.

    Attributes:
        id: of the answer, as the client has it.
        time: at which it was over, in seconds since 1970.
        version: that answered.
        commit: of the version; None of a folder that belongs to none.
        digest: of its files.
        role: as what it ran: ``current``, ``canary``, ``also`` or ``shadow``.
        endpoint: that was asked.
        queued: seconds until its turn came; None if it never came.
        first: seconds until its first token; None if none came.
        seconds: that it took.
        prompt_tokens: of all prompts.
        completion_tokens: of all answers.
        answers: how many were asked for.
        finishes: why each answer that is whole ended.
        failure: why it was not answered; None if it was.
        seed: of the draws.
        temperature: of the draws.
        who: the user; else the name of the key; else the address.
        key: the name of the key; None where none is needed.
        prompts: texts, tokens, or conversations.
        texts: the answers, as far as they came.
        consent: whether the client agrees that the texts are kept.
    """

    id: str
    time: float
    version: str
    commit: str | None
    digest: str
    role: str
    endpoint: str
    queued: float | None
    first: float | None
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    answers: int
    finishes: tuple[str, ...]
    failure: str | None
    seed: int
    temperature: float
    who: str
    key: str | None
    prompts: Sequence[Any]
    texts: Sequence[str]
    consent: bool

    @property
    def characters(self) -> int:
        """Of all its texts, about: what it takes of memory while it waits."""
        return sum(map(len, self.texts)) + sum(map(len, texts_of(self.prompts) or ()))


@dataclasses.dataclass(frozen=True)
class Record:
    """What is kept of a request: no text.

    Attributes:
        number: grows with each record of a store, also when the clock is set back; None of one
            that is not stored yet.
        id: of the answer, as the client has it.
        time: at which it was over, in seconds since 1970.
        version: that answered.
        commit: of the version; None of a folder that belongs to none.
        digest: of its files.
        role: as what it ran: ``current``, ``canary``, ``also`` or ``shadow``.
        endpoint: that was asked.
        queued: seconds until its turn came; None if it never came.
        first: seconds until its first token; None if none came.
        seconds: that it took.
        prompt_tokens: of all prompts.
        completion_tokens: of all answers.
        answers: how many were asked for.
        empty: how many of them were white space, or nothing.
        truncated: how many were cut off at the limit of tokens.
        refusals: how many refused, by `stemma.corpus.features.REFUSALS`.
        finishes: why each answer that is whole ended.
        failure: why it was not answered; None if it was.
        seed: of the draws.
        temperature: of the draws.
        who: stands for the user, key or address; it is another one in every store.
        key: stands for the key; None where none is needed.
        prompt: features of the prompts; None of those that came as tokens.
        answer: features of the answers; None where none came.
    """

    number: int | None
    id: str
    time: float
    version: str
    commit: str | None
    digest: str
    role: str
    endpoint: str
    queued: float | None
    first: float | None
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    answers: int
    empty: int
    truncated: int
    refusals: int
    finishes: tuple[str, ...]
    failure: str | None
    seed: int
    temperature: float
    who: str
    key: str | None
    prompt: Features | None
    answer: Features | None


SHARED = tuple(
    {one.name for one in dataclasses.fields(Finished)}
    & {one.name for one in dataclasses.fields(Record)} - {"who", "key"}
)


def record_of(finished: Finished, salt: bytes) -> Record:
    """Return what is kept of a request.

    Args:
        finished: the request.
        salt: of the store, without which nobody can tell from a record who asked.
    """
    prompts = texts_of(finished.prompts)
    answered = finished.failure is None
    return Record(
        **{name: getattr(finished, name) for name in SHARED},
        number=None,
        who=veiled(finished.who, salt),
        key=None if finished.key is None else veiled(finished.key, salt),
        prompt=None if prompts is None else features.of(prompts),
        answer=features.of(finished.texts) if any(finished.texts) else None,
        empty=sum(not one.strip() for one in finished.texts) if answered else 0,
        truncated=finished.finishes.count("length"),
        refusals=sum(map(features.refuses, finished.texts)),
    )


def texts_of(prompts: Sequence[Any]) -> list[str] | None:
    """Return the texts of prompts; None if they came as tokens."""
    found: list[str] = []
    for one in prompts:
        if isinstance(one, str):
            found.append(one)
        elif one and isinstance(one[0], dict):
            found += [message["content"] for message in one]
        else:
            return None
    return found


def veiled(name: str, salt: bytes) -> str:
    """Return what stands for a name."""
    return hmac.digest(salt, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:16]
