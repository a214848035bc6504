"""What train asks of the task: documents in a shuffled order, and the loss of their words' tags."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from stemma.corpus.task import IGNORED
from stemma.modeling.examples.documents import pad as collate
from stemma.modeling.examples.labels import label_head as head
from stemma.modeling.examples.shuffled import training_documents as examples
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.tasks.tag import AUTO

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per word."""
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    logits = model(**inputs).logits.float()
    return cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED)
