"""What prepare asks of a task: to turn cleaned documents into token ids and labels."""

import bisect
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.documents import Part
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError

LABELS = "labels.json"
IGNORED = -100
"""The label of a token that nothing is learned from, which PyTorch's cross-entropy ignores."""


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """A cleaned document as a task sees it.

    Attributes:
        id: of the document.
        text: normalised and masked.
        label: its class, which may be empty.
        parts: each normalised and masked; empty if the document is in one piece.
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
        labels: int32, shape (tokens,); the task says what they mean. None if the task learns from
            the ids alone.
        truncated: whether tokens were cut off.
    """

    ids: NDArray[np.integer]
    labels: NDArray[np.int32] | None = None
    truncated: bool = False


@dataclasses.dataclass(frozen=True)
class Encoding:
    """Turns documents into tokens and labels; the class ``Encoding`` of a task's ``encoding.py``.

    It can be pickled, for the workers of prepare.

    Attributes:
        settings: of the task.
        labelled: whether every token gets a label. If so, the ids are stored as they are, and the
            tokenizer is given a padding token; else an end-of-text id is put after each document.
    """

    settings: Any
    labelled: ClassVar[bool] = True

    def names(self, example: Example) -> Iterable[str]:
        """Return the label names in a training document; labels.json lists those of all.

        Labels that are token ids have no names.

        Raises:
            DataError: the document lacks what the task learns from.
        """
        return ()

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return the tokens of each document, or the setting for which it is dropped.

        Args:
            examples: of one split.
            encoder: the tokenizer.
            names: of the labels in the training split, sorted; empty where labels have none.

        Raises:
            DataError: a document lacks what the task learns from, or is refused.
        """
        raise NotImplementedError

    def encode_preference(self, example: Example, encoder: Encoder) -> list[Encoded] | str:
        """Return a sequence for each completion of a preference, or why it is dropped.

        Raises:
            DataError: the task does not learn from preferences.
        """
        raise DataError(
            f"document '{example.id}' is a preference, from which task={self.settings.name} does "
            "not learn",
            "use -S task=causal_lm or chat, or set source.columns.prompt to null",
        )


def index_of(name: str, names: Sequence[str], example: Example) -> int:
    """Return the id of a label.

    Args:
        name: of the label.
        names: of the labels in the training split, sorted.
        example: the document that has the label, for the message.

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
