"""What train asks of the task: conversations in a shuffled order, and the loss of the answers."""

from typing import Any

import torch
from torch import Tensor

from stemma.corpus.task import IGNORED
from stemma.modeling.examples.documents import pad as collate
from stemma.modeling.examples.shuffled import training_documents as examples
from stemma.modeling.family import no_head as head
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.tasks.chat import AUTO

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per token of the answers."""
    labels = batch["labels"][:, 1:]
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    logits = model(**inputs, use_cache=False).logits[:, :-1]
    learned = labels != IGNORED
    return torch.nn.functional.cross_entropy(logits[learned].float(), labels[learned])
