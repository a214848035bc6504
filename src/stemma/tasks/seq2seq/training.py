"""What train asks of the task: pairs in a shuffled order, and the loss of the targets."""

from typing import Any

import torch
from torch import Tensor

from stemma.modeling.examples.pairs import pad_pairs as collate
from stemma.modeling.examples.shuffled import training_documents as examples
from stemma.modeling.family import no_head as head
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.tasks.seq2seq import AUTO

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per token of the targets."""
    logits = model(**batch, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())
