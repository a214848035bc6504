"""The formula of each figure: what of reports/examples.parquet is summed, and what the sums make.

So evaluate, which finds the figures with their intervals, and a diff, which pairs the examples of
two versions, compute the same.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Examples = Mapping[str, NDArray[Any]]
"""Columns by name, one row per example."""
Sums = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Formulas:
    """Figures of sums over examples.

    Attributes:
        needs: the columns that they come from.
        parts: those columns to what is summed, shape (parts, examples).
        figures: sums, shape (parts, ...), to figures by name, shape (...).
        by_token: figures that compare only where a text has as many tokens on both sides.
        right: figures that are the share of examples that are right, to the column that says so.
    """

    needs: tuple[str, ...]
    parts: Callable[[Examples], Sums]
    figures: Callable[[Sums], dict[str, NDArray[np.float64]]]
    by_token: frozenset[str] = frozenset()
    right: Mapping[str, str] = dataclasses.field(default_factory=dict)


def _columns(*names: str) -> Callable[[Examples], Sums]:
    return lambda examples: np.stack([examples[name] for name in names]).astype(np.float64)


def _of_tokens(sums: Sums) -> dict[str, NDArray[np.float64]]:
    tokens, size, loss, top1, top5 = sums
    return {
        "loss": loss / tokens,
        "perplexity": np.exp(loss / tokens),
        "bits_per_byte": loss / np.log(2) / size,
        "top1_accuracy": top1 / tokens,
        "top5_accuracy": top5 / tokens,
    }


def _of_words(sums: Sums) -> dict[str, NDArray[np.float64]]:
    words, loss, correct = sums
    return {"loss": loss / words, "accuracy": correct / words}


def _of_entities(sums: Sums) -> dict[str, NDArray[np.float64]]:
    found, true, guess = sums
    return {
        "entity_precision": found / np.maximum(guess, 1),
        "entity_recall": found / np.maximum(true, 1),
        "entity_f1": 2 * found / np.maximum(true + guess, 1),
    }


def _parts_of_classes(examples: Examples) -> Sums:
    names = np.unique(np.concatenate([examples["label"], examples["predicted"]]))[:, None]
    truth, guess = examples["label"] == names, examples["predicted"] == names
    return np.concatenate(
        [[np.ones(truth.shape[1]), examples["loss"]], truth & guess, truth, guess]
    )


def _of_classes(sums: Sums) -> dict[str, NDArray[np.float64]]:
    # Macro averages are over the classes that there are in the documents drawn; a class that is
    # never predicted has precision 0 (scikit-learn: zero_division=0).
    documents, loss = sums[:2]
    hits, truth, guess = np.split(sums[2:], 3)
    there = truth > 0
    precision, recall = hits / np.maximum(guess, 1), hits / np.maximum(truth, 1)
    f1 = 2 * hits / np.maximum(truth + guess, 1)
    means = {
        f"macro_{name}": (value * there).sum(0) / there.sum(0)
        for name, value in (("precision", precision), ("recall", recall), ("f1", f1))
    }
    return {"loss": loss / documents, "accuracy": hits.sum(0) / documents, **means}


_TEXT = ("tokens", "bytes", "loss", "correct", "top5")
_WORDS = ("words", "loss", "correct")
_ENTITIES = ("entities_found", "entities", "entities_predicted")
TOKENS = Formulas(
    _TEXT,
    _columns(*_TEXT),
    _of_tokens,
    by_token=frozenset({"loss", "perplexity", "top1_accuracy", "top5_accuracy"}),
)
WORDS = Formulas(_WORDS, _columns(*_WORDS), _of_words)
ENTITIES = Formulas(_ENTITIES, _columns(*_ENTITIES), _of_entities)
CLASSES = Formulas(
    ("label", "predicted", "loss", "correct"),
    _parts_of_classes,
    _of_classes,
    right={"accuracy": "correct"},
)
