"""What train asks of the task: packed blocks with hidden tokens, and the loss of those."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch.utils.data import default_collate as collate

from stemma.corpus.packing import read_split
from stemma.corpus.task import IGNORED
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import SettingsError
from stemma.modeling.examples.packed import PackedBlocks, held_out_blocks
from stemma.modeling.family import no_head as head
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.modeling.training.settings import TrainSection
from stemma.tasks.masked_lm import AUTO, Settings, mask_token

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


class MaskedBlocks(Dataset[Batch]):
    """Blocks in which some tokens are hidden; only the seed and the item decide which.

    Args:
        blocks: with ``input_ids``, int64 [length].
        settings: of the task: how much is hidden, and by what.
        mask: id of the mask token.
        vocabulary: number of ids.
        seed: of the choice.
    """

    def __init__(
        self, blocks: Any, settings: Settings, mask: int, vocabulary: int, seed: int
    ) -> None:
        self._blocks, self._settings, self._seed = blocks, settings, seed
        self._mask, self._vocabulary = mask, vocabulary

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self._blocks)

    @property
    def tokens_seen(self) -> int:
        """Tokens of the whole run."""
        return self._blocks.tokens_seen

    def __getitem__(self, index: int) -> Batch:
        """Return ``input_ids`` as the model sees them, and ``labels``: what is hidden, else -100.

        Both int64, [length].
        """
        ids = self._blocks[index]["input_ids"].numpy().copy()
        draw = np.random.default_rng([self._seed, index])
        places = self._settings.choose(len(ids), draw)
        labels = np.full(len(ids), IGNORED)
        labels[places] = ids[places]
        ids[places] = self._settings.replace(ids[places], self._mask, self._vocabulary, draw)
        return {"input_ids": torch.from_numpy(ids), "labels": torch.from_numpy(labels)}


def examples(
    settings: Settings, prepared: Path, section: TrainSection, seed: int
) -> tuple[Dataset[Batch], list[Batch]]:
    """Return blocks of packed documents, shuffled and masked anew in every epoch.

    Raises:
        DataError: the tokenizer has no mask token, or a split is missing or too small.
        SettingsError: the documents of a block are to be read apart.
    """
    if not section.across_documents:
        raise SettingsError(
            "train.across_documents is false, but task=masked_lm reads packed documents as one",
            "use -S train.across_documents=true",
        )
    length = section.sequence_length
    train, held_out = (read_split(prepared, split) for split in ("train", "validation"))
    size = Encoder(prepared / "tokenizer").size
    _, mask = mask_token(prepared / "tokenizer")
    blocks = PackedBlocks(train, length, section.steps * section.batch_size, seed)
    fixed = held_out_blocks(held_out, length, section.validation_blocks)
    hidden = MaskedBlocks(fixed, settings, mask, size, seed)
    return MaskedBlocks(blocks, settings, mask, size, seed), [hidden[i] for i in range(len(fixed))]


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per hidden token."""
    labels = batch["labels"]
    logits = model(input_ids=batch["input_ids"]).logits[labels != IGNORED]
    return torch.nn.functional.cross_entropy(logits.float(), labels[labels != IGNORED])
