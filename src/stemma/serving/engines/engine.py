"""What an engine is: it runs sequences side by side, one token of each at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from stemma.errors import ModelError

if TYPE_CHECKING:
    import torch

Choose = Callable[["torch.Tensor"], int]
"""Takes the scores of the next token, shape (vocabulary,), and returns the token that is chosen."""


class Engine(Protocol):
    """Computes scores of next tokens; it knows neither text nor requests.

    Attributes:
        context: most tokens of prompt and answer together; None if there is no limit.
        vocabulary: how many tokens the model gives scores for.
        generates: whether it writes at all; a classifier does not.
    """

    context: int | None
    vocabulary: int
    generates: bool

    def add(self, key: int, ids: Sequence[int], choose: Choose) -> None:
        """Take in a sequence; it waits until there is room.

        Args:
            key: by which ``step`` names it.
            ids: its prompt, at least one token.
            choose: chooses each of its tokens.
        """
        ...

    def step(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Compute the next token of each running sequence, and some of the next prompt.

        Returns:
            The keys of sequences whose prompt is begun, and the key and the token of each that
            has a new one.
        """
        ...

    def drop(self, key: int) -> None:
        """Forget a sequence, be it finished, running or waiting."""
        ...

    @property
    def busy(self) -> bool:
        """Whether any sequence waits or runs."""
        ...

    def score(self, ids: Sequence[int]) -> torch.Tensor:
        """Return the natural logarithm of the probability of each token but the first.

        Args:
            ids: at least two.

        Returns:
            Shape (tokens - 1,).
        """
        ...

    def states(self, ids: Sequence[int]) -> torch.Tensor:
        """Return the last hidden state of each token, shape (tokens, width)."""
        ...

    def classes(self, ids: Sequence[int]) -> torch.Tensor:
        """Return what a classifier's head gives: shape (classes,), or (tokens, classes)."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what is told of it: ``engine``, ``dtype``, ``device``, ``batched``, ``bytes``."""
        ...


def check_finite(scores: torch.Tensor) -> None:
    """Refuse scores of which none is the greatest.

    Raises:
        ModelError: they are no numbers.
    """
    if scores.isnan().any() or not scores.max().isfinite():
        raise ModelError("the model's scores are no numbers", "`stemma show` tells what it is")
