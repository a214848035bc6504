"""What train asks of the task: documents by themselves, and the loss of the tags of their words."""

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from stemma.corpus.task import IGNORED
from stemma.modeling.examples.documents import Documents, Shuffled, pad
from stemma.modeling.examples.labels import head_of
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch
from stemma.modeling.training.settings import TrainSection
from stemma.tasks.tag import AUTO, Settings

__all__ = ["AUTO", "collate", "examples", "head", "loss"]


def head(settings: Settings, prepared: Path) -> dict[str, Any]:
    """Return the number of tags and their names."""
    return head_of(prepared)


def examples(
    settings: Settings, prepared: Path, section: TrainSection, seed: int
) -> tuple[Shuffled, list[Batch]]:
    """Return documents, shuffled anew in every epoch."""
    items = section.steps * section.batch_size
    shuffled = Shuffled(Documents(prepared, "train"), items, seed)
    return shuffled, Documents(prepared, "validation").spread(section.validation_blocks)


def collate(examples: list[Batch]) -> Batch:
    """Pad documents to one length."""
    return pad(examples)


def loss(model: Any, batch: Batch, runtime: Runtime) -> Tensor:
    """Return the mean cross-entropy in nats per word."""
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    logits = model(**inputs).logits.float()
    return cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED)
