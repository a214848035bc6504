"""What a model of transformers makes of each example of a data loader."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from stemma.errors import ModelError
from stemma.report.naming import numbered

_IGNORED = -100  # the label of a position that is not learnt


@torch.inference_mode()
def scores(
    model: Any, batches: Iterable[Mapping[str, Tensor]]
) -> tuple[list[str], dict[str, list[float]]]:
    """Return the ids of examples, and what the model makes of each.

    Args:
        model: causal, sequence-to-sequence, masked, or one that classifies tokens or sequences.
        batches: with ``labels``, in the order of the data set.

    Returns:
        The hash of the tokens of each example, with a number from the second of the same on; and by
        name, one for each: ``loss`` in nats (of tokens their mean, squared error of a number),
        ``accuracy`` (of tokens the share that is right).

    Raises:
        ModelError: the model has another head, or the batches have no labels.
    """
    of = _head(model)
    was_training = model.training
    model.eval()
    taken: dict[str, int] = {}
    ids: list[str] = []
    columns: dict[str, list[float]] = {}
    for batch in batches:
        if batch.get("labels") is None:
            raise ModelError("the eval data set has no labels", "give each example its `labels`")
        here = {name: value.to(model.device) for name, value in batch.items()}
        outputs = model(**here)
        for name, values in of(outputs.logits.float(), here["labels"]).items():
            columns.setdefault(name, []).extend(values.tolist())
        ids += [numbered(one, taken) for one in _hashes(batch)]
    model.train(was_training)
    return ids, columns


def _head(model: Any) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    # PEFT wraps the model that has the head.
    within = model.get_base_model() if hasattr(model, "get_base_model") else model
    kind = type(within).__name__
    if kind.endswith("ForSequenceClassification"):
        return _sequences
    if kind.endswith(("ForCausalLM", "LMHeadModel")):
        return lambda logits, labels: _tokens(logits[:, :-1], labels[:, 1:])
    if kind.endswith(("ForConditionalGeneration", "ForMaskedLM", "ForTokenClassification")):
        return _tokens
    raise ModelError(
        f"results by example of a {kind} are not known",
        "write your own with stemma.report.examples, and give the Trainer no eval data set",
    )


def _tokens(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    losses = functional.cross_entropy(
        logits.transpose(1, 2), labels, ignore_index=_IGNORED, reduction="none"
    )
    learnt = labels != _IGNORED
    # An example of which nothing is learnt has no loss, and nothing right.
    counts = learnt.sum(1).clamp(min=1)
    right = (logits.argmax(-1) == labels) & learnt
    return {"loss": losses.sum(1) / counts, "accuracy": right.sum(1) / counts}


def _sequences(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    if logits.shape[-1] == 1:
        return {"loss": (logits.squeeze(-1) - labels) ** 2}
    if labels.is_floating_point():
        losses = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        right = ((logits > 0) == (labels > 0)).all(1)
        return {"loss": losses.mean(1), "accuracy": right.float()}
    losses = functional.cross_entropy(logits, labels, reduction="none")
    return {"loss": losses, "accuracy": (logits.argmax(-1) == labels).float()}


def _hashes(batch: Mapping[str, Tensor]) -> list[str]:
    tokens = batch["input_ids"]
    mask = batch.get("attention_mask", torch.ones_like(tokens)).bool()
    # Padding depends on the neighbours.
    rows = (row[there].cpu().numpy() for row, there in zip(tokens, mask, strict=True))
    return [hashlib.sha256(row.astype("<i8").tobytes()).hexdigest() for row in rows]
