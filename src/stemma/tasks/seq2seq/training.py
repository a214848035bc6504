"""What train asks of the task: pairs in a shuffled order, and the loss of the targets."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stemma.modeling.examples.documents import Documents, Shuffled
from stemma.modeling.examples.pairs import pad_pairs
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.modeling.training.settings import TrainSection
from stemma.tasks.seq2seq import AUTO, Settings

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


def head(settings: Settings, prepared: Path) -> dict[str, Any]:
    """Add nothing: the head is the embedding."""
    return {}


def examples(
    settings: Settings, prepared: Path, section: TrainSection, seed: int
) -> tuple[Shuffled, list[Batch]]:
    """Return pairs, shuffled anew in every epoch."""
    train, held_out = (Documents(prepared, split) for split in ("train", "validation"))
    items = section.steps * section.batch_size
    return Shuffled(train, items, seed), held_out.spread(section.validation_blocks)


def collate(examples: list[Batch]) -> Batch:
    """Fill sources up to one length, and targets to another."""
    return pad_pairs(examples)


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per token of the targets."""
    logits = model(**batch, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())
