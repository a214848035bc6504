"""The order of training data: a function of the seed and the step, and of nothing else."""

import numpy as np
import torch
from torch.utils.data import Dataset

from stemma.errors import DataError


class PackedBlocks(Dataset[dict[str, torch.Tensor]]):
    """Blocks cut from one long row of tokens: no padding, every epoch cut and shuffled anew.

    Item ``i`` is block ``i`` of an endless stream, so that a resumed run goes on where the killed
    one stopped without reading what came before.

    Args:
        tokens: ids of all documents, one after the other, shape [tokens].
        length: tokens that a block predicts; it holds one more.
        items: blocks in the whole run.
        seed: of the cuts and the shuffles.

    Raises:
        DataError: there are fewer tokens than one block needs.
    """

    def __init__(self, tokens: np.ndarray, length: int, items: int, seed: int) -> None:
        # Each epoch starts at a random offset below one block.
        self.per_epoch = (len(tokens) - length) // length
        if self.per_epoch < 1:
            raise DataError(
                f"the split holds {len(tokens)} tokens, one block needs {2 * length}",
                "lower train.sequence_length or add text",
            )
        self.tokens, self.length, self.items, self.seed = tokens, length, items, seed
        self._epoch, self._starts = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        """Return the number of blocks in the whole run."""
        return self.items

    @property
    def tokens_seen(self) -> int:
        """Tokens that the whole run predicts."""
        return self.items * self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Return ``input_ids`` and the tokens that follow them, ``labels``; int64, [length]."""
        epoch, place = divmod(index, self.per_epoch)
        start = self._order(epoch)[place]
        block = torch.from_numpy(self.tokens[start : start + self.length + 1].astype(np.int64))
        return {"input_ids": block[:-1], "labels": block[1:]}

    def _order(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            generator = np.random.default_rng([self.seed, epoch])
            offset = generator.integers(self.length)
            starts = np.arange(self.per_epoch, dtype=np.int64) * self.length + offset
            self._starts, self._epoch = generator.permutation(starts), epoch
        return self._starts


def held_out_blocks(tokens: np.ndarray, length: int, blocks: int) -> list[dict[str, torch.Tensor]]:
    """Return up to ``blocks`` blocks spread evenly over a split, the same ones at every call.

    Raises:
        DataError: there are fewer tokens than one block needs.
    """
    whole = (len(tokens) - 1) // length
    if whole < 1:
        raise DataError(
            f"the validation split holds {len(tokens)} tokens, one block needs {length + 1}",
            "raise prepare.split.validation or lower train.sequence_length",
        )
    chosen = np.linspace(0, whole - 1, min(blocks, whole)).astype(int) * length
    cut = [torch.from_numpy(tokens[at : at + length + 1].astype(np.int64)) for at in chosen]
    return [{"input_ids": block[:-1], "labels": block[1:]} for block in cut]
