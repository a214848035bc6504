"""Packed blocks of training tokens; their order is a function of the seed and the step alone."""

import numpy as np
import torch
from torch.utils.data import Dataset

from stemma.corpus.packing import PackedSplit
from stemma.errors import DataError


class PackedBlocks(Dataset[dict[str, torch.Tensor]]):
    """Blocks cut from one long row of tokens: no padding, every epoch cut and shuffled anew.

    Item ``i`` is block ``i`` of an endless stream, so that a resumed run goes on where the killed
    one stopped, without reading the blocks before it.

    Args:
        split: ids of all documents, one after the other.
        length: tokens that a block predicts; it holds one more.
        items: blocks in the whole run.
        seed: of the cuts and the shuffles.
        across: whether the documents of a block are read as one; see ``cut_block``.

    Raises:
        DataError: there are fewer tokens than one block needs.
    """

    def __init__(
        self, split: PackedSplit, length: int, items: int, seed: int, across: bool = True
    ) -> None:
        tokens = split.tokens
        # Each epoch starts at a random offset below one block.
        self.per_epoch = (len(tokens) - length) // length
        if self.per_epoch < 1:
            raise DataError(
                f"the split holds {len(tokens)} tokens, one block needs {2 * length}",
                "lower train.sequence_length or add text",
            )
        self.split, self.across = split, across
        self.length, self.items, self.seed = length, items, seed
        self._epoch, self._starts = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        """Return the number of blocks in the whole run."""
        return self.items

    @property
    def tokens_seen(self) -> int:
        """Tokens that the whole run predicts."""
        return self.items * self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Return a block as ``cut_block`` does."""
        epoch, place = divmod(index, self.per_epoch)
        return cut_block(self.split, self._order(epoch)[place], self.length, self.across)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            generator = np.random.default_rng([self.seed, epoch])
            offset = generator.integers(self.length)
            starts = np.arange(self.per_epoch, dtype=np.int64) * self.length + offset
            self._starts, self._epoch = generator.permutation(starts), epoch
        return self._starts


def held_out_blocks(
    split: PackedSplit, length: int, blocks: int, across: bool = True
) -> list[dict[str, torch.Tensor]]:
    """Return up to ``blocks`` blocks spread evenly over a split, the same ones at every call.

    Args:
        split: ids of all documents.
        length: tokens that a block predicts.
        blocks: most blocks to return.
        across: as in ``cut_block``.

    Raises:
        DataError: there are fewer tokens than one block needs.
    """
    starts = held_out_starts(split, length, blocks)
    return [cut_block(split, start, length, across) for start in starts]


def held_out_starts(split: PackedSplit, length: int, blocks: int) -> np.ndarray:
    """Return the index of the first token of each block that ``held_out_blocks`` cuts.

    Raises:
        DataError: there are fewer tokens than one block needs.
    """
    tokens = split.tokens
    whole = (len(tokens) - 1) // length
    if whole < 1:
        raise DataError(
            f"the validation split holds {len(tokens)} tokens, one block needs {length + 1}",
            "raise prepare.split.validation or lower train.sequence_length",
        )
    return np.linspace(0, whole - 1, min(blocks, whole)).astype(int) * length


def cut_block(split: PackedSplit, start: int, length: int, across: bool) -> dict[str, torch.Tensor]:
    """Return ``input_ids`` and the tokens that follow them, ``labels``; int64, [length].

    Args:
        split: ids of all documents.
        start: index of the first token.
        length: tokens to predict.
        across: whether the documents are read as one. If not, ``position_ids`` start again at each
            of them, from which transformers' models know what attention must not see. As in
            evaluation, a document begins after the end-of-text token before it.
    """
    block = torch.from_numpy(split.tokens[start : start + length + 1].astype(np.int64))
    row = {"input_ids": block[:-1], "labels": block[1:]}
    if across:
        return row
    predicted = np.arange(start + 1, start + length + 1)
    begins = split.offsets[np.searchsorted(split.offsets, predicted, side="right") - 1]
    positions = np.minimum(predicted - begins, predicted - (start + 1))
    return {**row, "position_ids": torch.from_numpy(positions)}
