"""What a model itself says of prompts: how well it foresees them, and what it makes of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from stemma.modeling.prompts import WIDTH


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the model that answers says of a prompt; it is taken of some requests only.

    It reads the first `stemma.modeling.prompts.MOST` tokens. What is not known is NaN: ``nats`` of
    a prompt of one token, ``rare`` of a version without a reference, and whatever an engine cannot
    tell (``state``: each of its numbers).

    Attributes:
        nats: mean negative logarithm of the probability of each token that is read but the first.
        tokens: how many the prompt has, all of them.
        rare: share of all its tokens that are among the least frequent ones which together make at
            most 1 % of the training split.
        unknown: share of all its tokens that stand for something the vocabulary lacks.
        state: mean of the last hidden states over the tokens that are read, brought to WIDTH
            numbers by a random projection that depends on the width of the model alone.
    """

    nats: float
    tokens: int
    rare: float
    unknown: float
    state: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Probe:
    """What the running engine says of a prompt of the reference, of which evaluation said it too.

    Attributes:
        time: in seconds since 1970.
        version: that was asked.
        digest: of its files.
        place: row of the prompt in the reference.
        nats: as in Measured.
    """

    time: float
    version: str
    digest: str
    place: int
    nats: float


def measured_of(told: Mapping[str, Any]) -> Measured:
    """Return what `stemma.modeling.prompts.told` has, with NaN for what is None."""
    nats, rare, unknown = (
        math.nan if told[name] is None else float(told[name])
        for name in ("nats", "rare", "unknown")
    )
    state = tuple(map(float, told["state"] or [math.nan] * WIDTH))
    return Measured(nats, told["tokens"], rare, unknown, state)


def packed(state: tuple[float, ...]) -> bytes:
    """Return a state as bytes: float16, little-endian."""
    return np.asarray(state, "<f2").tobytes()


def unpacked(raw: bytes) -> tuple[float, ...]:
    """Return what `packed` was given, as far as float16 holds it."""
    return tuple(np.frombuffer(raw, "<f2").astype(float).tolist())
