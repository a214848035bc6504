"""What prepare asks of a task: cleaned documents in, token ids and what is to be learned out."""

import bisect
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.documents import Part
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError

TooLong = Literal["drop", "truncate", "refuse"]
TOO_LONG = "task.max_tokens"
LABELS = "labels.json"
IGNORED = -100
"""The label of a token that teaches nothing, as PyTorch's cross-entropy has it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """A cleaned document as a task sees it.

    Attributes:
        id: of the document.
        text: normalised and masked.
        label: its class; may be empty.
        parts: each normalised and masked; empty where the document is one piece.
    """

    id: str
    text: str
    label: str = ""
    parts: tuple[Part, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Encoded:
    """A document as tokens.

    Attributes:
        ids: token ids, shape (tokens,).
        labels: int32, shape (tokens,), in the meaning that the task gives them; None of a task that
            learns from the ids alone.
        truncated: whether tokens were cut off.
    """

    ids: NDArray[np.integer]
    labels: NDArray[np.int32] | None = None
    truncated: bool = False


class Encoding(Protocol):
    """``encoding.py`` of a task; pickles, for the workers of prepare."""

    @property
    def labelled(self) -> bool:
        """Whether every token gets a label.

        If so the ids are stored as they are, and the tokenizer is given a padding token; else an
        end-of-text id follows each document.
        """
        ...

    def names(self, example: Example) -> Iterable[str]:
        """Return the names of the labels in a training document; labels.json lists them all.

        Raises:
            DataError: the document lacks what the task learns from.
        """
        ...

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return the tokens of each document, or why it is dropped, named by the setting.

        Args:
            examples: of one split.
            encoder: the tokenizer.
            names: of the labels in the training split, sorted; empty where labels have none.

        Raises:
            DataError: a document lacks what the task learns from, or is refused.
        """
        ...


def index_of(name: str, names: Sequence[str], example: Example) -> int:
    """Return the id of a label.

    Args:
        name: of the label.
        names: of the labels in the training split, sorted.
        example: the document that it is from, for the message.

    Raises:
        DataError: the training split has no such label.
    """
    place = bisect.bisect_left(names, name)
    if place == len(names) or names[place] != name:
        raise DataError(
            f"document '{example.id}' has the label {name!r}, which no training document has",
            "add documents that have it, or try another prepare.split.salt",
        )
    return place


def fit(example: Example, made: Encoded, most: int, rule: TooLong) -> Encoded | str:
    """Hold the length of a document against ``task.max_tokens``.

    Args:
        example: the document, for the message.
        made: its tokens.
        most: tokens that it may have.
        rule: what happens to one that has more.

    Returns:
        The tokens, all or the first of them; or the reason for dropping the document.

    Raises:
        DataError: it has more, and the rule is to refuse.
    """
    if len(made.ids) <= most:
        return made
    if rule == "drop":
        return TOO_LONG
    if rule == "refuse":
        raise DataError(
            f"document '{example.id}' has {len(made.ids)} tokens, task.max_tokens is {most}",
            "raise it, or use -S task.too_long=truncate or drop",
        )
    labels = None if made.labels is None else made.labels[:most]
    return Encoded(made.ids[:most], labels, truncated=True)
