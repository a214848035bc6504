"""Whole documents as examples, each by itself, and batches of documents of different lengths."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from stemma.corpus.packing import PackedSplit, read_labels, read_split
from stemma.corpus.task import IGNORED
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError
from stemma.modeling.task import Batch

_MULTIPLE = 8  # matrix units are made for lengths that are multiples of it


class Documents:
    """The documents of a split with their labels, memory-mapped.

    Args:
        prepared: data/prepared.
        split: ``train``, ``validation`` or ``test``.

    Attributes:
        split: the tokens and where documents end.
        labels: int32, one per token.

    Raises:
        DataError: a file is missing or torn, or the split is empty.
    """

    def __init__(self, prepared: Path, split: str) -> None:
        self.split: PackedSplit = read_split(prepared, split)
        self.labels = read_labels(prepared, split)
        if len(self) == 0:
            raise DataError(
                f"{prepared / split}.tokens.npy holds no document",
                "add documents, or give the split a larger share in conf/prepare",
            )
        padding = Encoder(prepared / "tokenizer").padding
        if padding is None:
            raise DataError(f"{prepared}/tokenizer has no pad_token", "type `dvc repro prepare`")
        self.padding: int = padding

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.split.offsets) - 1

    def __getitem__(self, index: int) -> Batch:
        """Return a document.

        Returns:
            ``input_ids`` and ``labels``, int64, [tokens]; and ``padding``, the id that `pad` adds.
        """
        place = slice(*self.split.offsets[index : index + 2])
        arrays = {"input_ids": self.split.tokens[place], "labels": self.labels[place]}
        tensors = {key: torch.from_numpy(part.astype(np.int64)) for key, part in arrays.items()}
        return {**tensors, "padding": self.padding}

    def spread(self, most: int) -> list[Batch]:
        """Return up to ``most`` documents, evenly spread, the same ones at every call."""
        return [self[index] for index in self.places(most)]

    def places(self, most: int) -> list[int]:
        """Return the indices of up to ``most`` documents, evenly spread."""
        return np.linspace(0, len(self) - 1, min(most, len(self))).astype(int).tolist()


def pad(examples: Sequence[Batch]) -> Batch:
    """Return examples as one batch, padded at their ends to a multiple of 8 tokens.

    Returns:
        ``input_ids``, ``labels`` (IGNORED where there is nothing) and ``attention_mask`` (1 where
        there is a token), all int64, [examples, tokens].
    """
    ids = [example["input_ids"] for example in examples]
    ones = [torch.ones_like(one) for one in ids]
    return {
        "input_ids": _stack(ids, examples[0]["padding"]),
        "labels": _stack([example["labels"] for example in examples], IGNORED),
        "attention_mask": _stack(ones, 0),
    }


def _stack(rows: list[torch.Tensor], padding: int) -> torch.Tensor:
    stacked = pad_sequence(rows, batch_first=True, padding_value=padding)
    return torch.nn.functional.pad(stacked, (0, -stacked.shape[1] % _MULTIPLE), value=padding)
