"""The examples of Stemma's causal_lm, with a loss of this project's own."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.tasks.causal_lm.training import AUTO, collate, examples, head

__all__ = ["AUTO", "collate", "examples", "head", "loss"]
SMOOTHING = 0.1


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per token, smoothed (Szegedy et al. 2016)."""
    ids, positions = batch["input_ids"], batch.get("position_ids")
    logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits.float()
    labels = batch["labels"].flatten()
    return cross_entropy(logits.flatten(0, 1), labels, label_smoothing=SMOOTHING)
