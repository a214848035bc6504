"""What a model itself says of prompts: how well it foresees them, and what it makes of them."""

from __future__ import annotations

import dataclasses

import numpy as np

WIDTH = 64  # numbers of a state


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the model that answers says of a prompt; it is taken of some requests only.

    Attributes:
        nats: mean negative logarithm of the probability of each of its tokens but the first.
        tokens: how many it has.
        rare: share of its tokens that hardly ever stood in the training split.
        unknown: share of its tokens that stand for something the vocabulary lacks.
        state: mean of the last hidden states over its tokens, brought to WIDTH numbers by a random
            projection that depends on the width of the model alone.
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


def packed(state: tuple[float, ...]) -> bytes:
    """Return a state as bytes: float16, little-endian."""
    return np.asarray(state, "<f2").tobytes()


def unpacked(raw: bytes) -> tuple[float, ...]:
    """Return what `packed` was given, as far as float16 holds it."""
    return tuple(np.frombuffer(raw, "<f2").astype(float).tolist())
