"""Metrics of classified documents: accuracy, and macro-averaged precision, recall and F1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemma.modeling.metrics.formulas import Examples, Formulas, Metric, higher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _parts(examples: Examples) -> NDArray[np.float64]:
    import numpy as np

    names = np.unique(np.concatenate([examples["label"], examples["predicted"]]))[:, None]
    truth, guess = examples["label"] == names, examples["predicted"] == names
    return np.concatenate(
        [[np.ones(truth.shape[1]), examples["loss"]], truth & guess, truth, guess]
    )


def _values(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    # Macro averages are over the classes that occur in the documents drawn; a class that is never
    # predicted has precision 0 (scikit-learn: zero_division=0).
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


_MEAN = "mean over classes"
CLASSES = Formulas(
    metrics=(
        Metric("loss", "loss, nats", "lower", "loss", "nats per document"),
        higher(
            *("accuracy", "accuracy", "share of documents", "Accuracy", "accuracy"), right="correct"
        ),
        higher("macro_precision", "macro precision", _MEAN, "Macro precision", "precision"),
        higher("macro_recall", "macro recall", _MEAN, "Macro recall", "recall"),
        higher("macro_f1", "macro F1", _MEAN, "Macro F1", "f1"),
    ),
    needs=("label", "predicted", "loss", "correct"),
    parts=_parts,
    values=_values,
)
