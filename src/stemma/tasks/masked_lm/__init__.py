"""Fill in hidden tokens, having read both sides of them (Devlin et al. 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from stemma.config import Share, settings
from stemma.errors import DataError, SettingsError
from stemma.files import read_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AUTO = "AutoModelForMaskedLM"


@settings
class Settings:
    """What is hidden in training."""

    name: Literal["masked_lm"]
    hidden: Annotated[float, Field(gt=0, lt=1)]
    """Share of the tokens that are hidden."""
    masked: Share
    """Share of the hidden tokens that the mask token stands for."""
    random: Share
    """Share of the hidden tokens that a random token stands for; the rest stay as they are."""

    @property
    def max_tokens(self) -> None:
        """Return None: train.sequence_length says how long an example is."""
        return

    def __post_init__(self) -> None:
        if self.masked + self.random > 1:
            raise SettingsError(
                f"task.masked {self.masked} and task.random {self.random} come to more than 1",
                "lower one of them",
            )

    def choose(self, length: int, draw: np.random.Generator) -> NDArray[np.int64]:
        """Return the places to hide: a fixed share of ``length`` places, at least one."""
        return draw.permutation(length)[: max(1, round(self.hidden * length))]

    def replace(
        self,
        tokens: NDArray[np.int64],
        mask: int,
        vocabulary: int,
        draw: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Return what the model sees in place of hidden tokens.

        Args:
            tokens: the hidden tokens, shape (tokens,).
            mask: id of the mask token.
            vocabulary: number of ids.
            draw: generator of the random choices.
        """
        seen, kind = tokens.copy(), draw.random(len(tokens))
        seen[kind < self.masked] = mask
        swapped = (kind >= self.masked) & (kind < self.masked + self.random)
        seen[swapped] = draw.integers(vocabulary, size=int(swapped.sum()))
        return seen


def mask_token(folder: Path) -> tuple[str, int]:
    """Return the mask token of a tokenizer and its id.

    Args:
        folder: of a tokenizer that has been read without error.

    Raises:
        DataError: the tokenizer has none.
    """
    from tokenizers import Tokenizer

    token = read_json(folder / "tokenizer_config.json").get("mask_token")
    if token is None:
        raise DataError(
            f"{folder / 'tokenizer_config.json'} names no mask_token, which task=masked_lm needs",
            "add -S 'tokenizer.special_tokens=[\"<|mask|>\"]', or bring a tokenizer that has one",
        )
    index = Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id(token)
    if index is None:
        raise DataError(
            f"{folder / 'tokenizer.json'} lacks the mask_token {token!r}",
            "add it to the vocabulary as a special token",
        )
    return token, index
