"""Whole documents in the order of training: every epoch shuffled anew, fixed by the seed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset

from stemma.modeling.examples.documents import Documents
from stemma.modeling.task import Batch

if TYPE_CHECKING:
    from stemma.modeling.training.settings import TrainSection


class Shuffled(Dataset[Batch]):
    """Documents in the order of training, every epoch shuffled anew.

    Item ``i`` is example ``i`` of an endless stream, a function of the seed and of ``i`` alone, so
    that a resumed run goes on where the killed one stopped.

    Args:
        documents: what to draw from.
        items: examples in the whole run.
        seed: of the shuffles.
    """

    def __init__(self, documents: Documents, items: int, seed: int) -> None:
        self.documents, self.items, self.seed = documents, items, seed
        self._order = functools.lru_cache(1)(self._shuffle)

    def __len__(self) -> int:
        """Return the number of examples in the whole run."""
        return self.items

    def __getitem__(self, index: int) -> Batch:
        """Return example ``index`` of the run."""
        epoch, place = divmod(index, len(self.documents))
        return self.documents[int(self._order(epoch)[place])]

    @property
    def tokens_seen(self) -> int:
        """Tokens in the whole run, padding not counted."""
        epochs, rest = divmod(self.items, len(self.documents))
        lengths = np.diff(self.documents.split.offsets)
        return int(epochs * lengths.sum() + lengths[self._order(epochs)[:rest]].sum())

    def _shuffle(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.documents))


def training_documents(
    settings: Any, prepared: Path, section: TrainSection, seed: int
) -> tuple[Shuffled, list[Batch]]:
    """Return the documents of a whole run in the order of training, and some of validation.

    Args:
        settings: of the task; they change nothing here.
        prepared: data/prepared.
        section: says how many documents are trained on, and how many of validation are returned.
        seed: of the shuffles.

    Raises:
        DataError: a file is missing or torn, or a split is empty.
    """
    train, validation = (Documents(prepared, split) for split in ("train", "validation"))
    items = section.steps * section.batch_size
    return Shuffled(train, items, seed), validation.spread(section.validation_blocks)
