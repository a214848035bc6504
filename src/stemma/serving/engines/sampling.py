"""Chooses the next token of a sequence from its scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from stemma.errors import ModelError

_LIKELY = 512  # candidates that are looked at first, as sorting a whole vocabulary takes long
_UNLIKELY = -9999.0  # as OpenAI has it: minus infinity is no number in JSON
Allow = Callable[[torch.Tensor], torch.Tensor]
"""Takes scores, and returns them with minus infinity for each token that a grammar forbids."""


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A token, and how likely the model held it to be.

    Attributes:
        token: its id.
        logprob: natural logarithm of its probability, before any setting of the request; None if
            it was not asked for.
        likeliest: the likeliest tokens with theirs, likeliest first.
    """

    token: int
    logprob: float | None = None
    likeliest: tuple[tuple[int, float], ...] = ()


@dataclasses.dataclass
class Sampler:
    """Chooses tokens one after the other.

    Args:
        temperature: divides the scores; 0 takes the greatest.
        top_p: the smallest set of likeliest tokens that has this probability is drawn from.
        top_k: at most so many are drawn from; 0 for all.
        seed: of the draws. They depend on nothing else: not on other sequences, nor on time.
        logprobs: how many of the likeliest tokens are told; None if no probability is.
        allow: a grammar; None for none.
        schema: of JSON, for an engine that keeps to it by itself; None for none.
    """

    temperature: float
    top_p: float
    top_k: int
    seed: int
    logprobs: int | None = None
    allow: Allow | None = None
    schema: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._random = torch.Generator().manual_seed(self.seed)

    def __call__(self, scores: torch.Tensor) -> Chosen:
        """Choose a token.

        Args:
            scores: of the model, shape (vocabulary,).

        Raises:
            ModelError: they are no numbers.
        """
        _check_finite(scores)
        allowed = self.allow(scores.clone()) if self.allow else scores
        token = int(allowed.argmax()) if self.temperature == 0 else self._draw(allowed)
        return self._told(scores, token)

    def _draw(self, scores: torch.Tensor) -> int:
        at = torch.rand((), generator=self._random, dtype=torch.float64)
        # As float64, so that the sum of many small shares does not depend on their order.
        shares = (scores.double() / self.temperature).softmax(-1)
        if self.top_p >= 1 and not self.top_k:
            return _at(shares, at)
        order, shares = _likeliest(scores, shares, self.top_p, self.top_k)
        return int(order[_at(shares, at)])

    def _told(self, scores: torch.Tensor, token: int) -> Chosen:
        if self.logprobs is None:
            return Chosen(token)
        logprobs = scores.log_softmax(-1).clamp(min=_UNLIKELY)
        best = logprobs.topk(min(self.logprobs, len(scores)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return Chosen(token, float(logprobs[token]), tuple(pairs))


def _at(shares: torch.Tensor, at: torch.Tensor) -> int:
    """Return the place in shares at which a part of their sum is reached."""
    sums = shares.cumsum(-1)
    place = int(torch.searchsorted(sums, at * sums[-1], right=True))
    return min(place, len(shares) - 1)


def _likeliest(
    scores: torch.Tensor, shares: torch.Tensor, top_p: float, top_k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the likeliest tokens that the settings leave, and their shares, likeliest first.

    They are ordered by scores, of which two that differ may have the same share.
    """
    wanted = min(top_k or len(scores), len(scores))
    order = scores.topk(min(wanted, _LIKELY)).indices
    if wanted > _LIKELY and shares[order].sum() < top_p:
        order = scores.sort(descending=True, stable=True).indices[:wanted]
    found = shares[order]
    if top_p < 1:
        # The token with which top_p is reached still belongs to them.
        kept = int((found.cumsum(-1) - found < top_p).sum()) or 1
        found, order = found[:kept], order[:kept]
    return order, found


def _check_finite(scores: torch.Tensor) -> None:
    """Refuse scores of which none is the greatest.

    Raises:
        ModelError: they are no numbers.
    """
    if scores.isnan().any() or not scores.max().isfinite():
        raise ModelError("the model's scores are no numbers", "`stemma show` tells what it is")
