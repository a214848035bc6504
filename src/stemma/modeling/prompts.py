"""What a model says of a prompt: of those of the test split, and of those that a server is asked.

`evaluate` and the servers take it by this module, so that the one can be compared with the other.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

MOST = 256
"""Tokens of a prompt that a model is asked about; of a longer one it is the first."""
WIDTH = 64
"""Numbers of a state."""


def told(
    ids: Sequence[int],
    logprobs: NDArray[np.floating] | None,
    states: NDArray[np.floating] | None,
    common: NDArray[np.bool_] | None,
    unknown: int | None,
) -> dict[str, Any]:
    """Return what is told of a prompt; None of what is not known.

    Args:
        ids: its tokens.
        logprobs: natural logarithms of the probabilities of its first tokens but the very first,
            shape (at most MOST - 1,).
        states: the last hidden states of its first tokens, shape (at most MOST, hidden).
        common: whether a token is no rare one, shape (vocabulary,).
        unknown: the token that stands for what the vocabulary lacks; None if there is none.

    Returns:
        ``nats``, ``tokens``, ``rare``, ``unknown`` and ``state``, as
        `stemma.monitoring.measured.Measured` explains them.
    """
    nats = None
    if logprobs is not None and len(logprobs):
        nats = -float(logprobs.astype(np.float64).mean())
    return {
        "nats": nats,
        "tokens": len(ids),
        "rare": None if common is None else sum(not _holds(common, one) for one in ids) / len(ids),
        "unknown": sum(one == unknown for one in ids) / len(ids),
        "state": None if states is None else projected(states).tolist(),
    }


def foreseen(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return the natural logarithm of the probability of each token but the first.

    Args:
        logits: shape (rows, tokens, vocabulary).
        ids: shape (rows, tokens).

    Returns:
        Shape (rows, tokens - 1).
    """
    scores = logits[:, :-1].float()
    return scores.gather(2, ids[:, 1:, None])[..., 0] - scores.logsumexp(2)


def projected(states: NDArray[np.floating]) -> NDArray[np.float16]:
    """Return the mean of states, shape (tokens, hidden), brought to WIDTH numbers.

    Distances between such means are kept, up to an error (Johnson and Lindenstrauss 1984).
    """
    mean = states.astype(np.float64).mean(axis=0)
    return (mean @ _projection(len(mean))).astype(np.float16)


def rarest(counts: NDArray[np.integer], share: float = 0.01) -> NDArray[np.bool_]:
    """Say which tokens are the least frequent ones that make at most a share of a text.

    Args:
        counts: of each token, shape (vocabulary,).
        share: of all tokens.
    """
    order = np.argsort(counts, kind="stable")
    found = np.zeros(len(counts), bool)
    found[order] = np.cumsum(counts[order]) <= share * counts.sum()
    return found


def packed(common: NDArray[np.bool_]) -> str:
    """Return a bit for each token as text."""
    return base64.b64encode(np.packbits(common).tobytes()).decode()


def unpacked(text: str) -> NDArray[np.bool_]:
    """Return what `packed` was given, with up to seven more that are False."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8)).astype(bool)


def _holds(common: NDArray[np.bool_], token: int) -> bool:
    return token < len(common) and bool(common[token])


@functools.lru_cache(4)
def _projection(hidden: int) -> NDArray[np.float64]:
    """Return the projection of states of a width: normal numbers of variance 1 / WIDTH."""
    # Of all generators of numpy this one is promised to give the same numbers for ever.
    random = np.random.RandomState(hidden)
    return random.standard_normal((hidden, WIDTH)) / np.sqrt(WIDTH)
