"""What train asks of the task: documents in a shuffled order, and the loss of their classes."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from stemma.modeling.examples.documents import pad
from stemma.modeling.examples.labels import label_head as head
from stemma.modeling.examples.shuffled import training_documents as examples
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.tasks.classify import AUTO

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


def collate(examples: list[Batch]) -> Batch:
    """Pad documents to one length, and keep one label for each: all of its tokens have the same."""
    batch = pad(examples)
    return {**batch, "labels": batch["labels"][:, 0]}


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per document."""
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    return cross_entropy(model(**inputs).logits.float(), batch["labels"])
