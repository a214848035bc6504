"""What an engine is: it runs sequences side by side, one token of each at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from stemma.serving.engines.sampling import Chosen, Sampler


class Engine(Protocol):
    """Computes scores of next tokens; it knows neither text nor requests.

    Attributes:
        vocabulary: how many tokens the model gives scores for.
        generates: whether it writes at all; a classifier does not.
        keeps_schema: whether it keeps to the schema of a sampler itself.
        scores_alone: whether ``score`` is right only while no sequence runs.
    """

    @property
    def context(self) -> int | None:
        """Most tokens of prompt and answer together."""
        ...

    vocabulary: int
    generates: bool
    keeps_schema: bool
    scores_alone: bool

    def add(self, key: int, ids: Sequence[int], sampler: Sampler) -> None:
        """Take in a sequence; it waits until there is room.

        Args:
            key: by which ``step`` names it.
            ids: its prompt, at least one token.
            sampler: chooses each of its tokens, or says how an engine that draws by itself is to.

        Raises:
            SettingsError: the engine cannot do what it asks for.
        """
        ...

    def step(self) -> tuple[list[int], list[tuple[int, Chosen]]]:
        """Compute the next token of each running sequence, and some of the next prompt.

        Returns:
            The keys of sequences whose prompt is begun, and the key and the token of each that
            has a new one; one that has several comes several times.
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

    def foresee(self, ids: Sequence[int]) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return what ``score`` and ``states`` do, in one pass; None for what it cannot tell.

        Args:
            ids: at least one; of one alone nothing is foreseen.
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
