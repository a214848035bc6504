"""What train asks of the task: blocks of packed documents, and the loss of every next token."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate as collate

from stemma.corpus.packing import read_split
from stemma.modeling.examples.packed import PackedBlocks, held_out_blocks
from stemma.modeling.family import no_head as head
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.modeling.training import fused
from stemma.modeling.training.settings import TrainSection
from stemma.tasks.causal_lm import AUTO, Settings

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


def examples(
    settings: Settings, prepared: Path, section: TrainSection, seed: int
) -> tuple[PackedBlocks, list[Batch]]:
    """Return blocks of packed documents, shuffled anew in every epoch."""
    length = section.sequence_length
    train, held_out = (read_split(prepared, split) for split in ("train", "validation"))
    items, across = section.steps * section.batch_size, section.across_documents
    blocks = PackedBlocks(train, length, items, seed, across)
    return blocks, held_out_blocks(held_out, length, section.validation_blocks, across)


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per token."""
    ids, labels, positions = batch["input_ids"], batch["labels"], batch.get("position_ids")
    # Under torchrun the model comes wrapped, and its own forward has to sum the gradients.
    if fused.supports(model, runtime.device):
        return fused.loss(model, ids, labels, runtime.dtype(), positions)
    # With an attention mask or a cache, transformers would not see where positions start again.
    logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
