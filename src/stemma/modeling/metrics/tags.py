"""Metrics of tagged words: accuracy by word; precision, recall and F1 by entity (CoNLL 2003)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stemma.modeling.metrics.formulas import Formulas, Metric, higher, stack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORDS = ("words", "loss", "correct")
_ENTITIES = ("entities_found", "entities", "entities_predicted")


def _of_words(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    words, loss, correct = sums
    return {"loss": loss / words, "accuracy": correct / words}


def _of_entities(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    found, true, guess = sums
    return {
        "entity_precision": found / np.maximum(guess, 1),
        "entity_recall": found / np.maximum(true, 1),
        "entity_f1": 2 * found / np.maximum(true + guess, 1),
    }


WORDS = Formulas(
    metrics=(
        Metric("loss", "loss, nats", "lower", "loss", "nats per word"),
        higher("accuracy", "accuracy", "share of words", "Accuracy", "accuracy"),
    ),
    needs=_WORDS,
    parts=partial(stack, names=_WORDS),
    values=_of_words,
)
_PREDICTED, _LABELLED = "share of the entities predicted", "share of the entities labelled"
_MEAN = "harmonic mean of entity precision and recall"
ENTITIES = Formulas(
    metrics=(
        higher("entity_precision", "entity precision", _PREDICTED, "Entity precision", "seqeval"),
        higher("entity_recall", "entity recall", _LABELLED, "Entity recall", "seqeval"),
        higher("entity_f1", "entity F1", _MEAN, "Entity F1", "seqeval"),
    ),
    needs=_ENTITIES,
    parts=partial(stack, names=_ENTITIES),
    values=_of_entities,
)
