"""Metrics of predicted tokens: loss, perplexity, bits per byte, accuracy of the first guesses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stemma.modeling.metrics.formulas import Formulas, Metric, higher, stack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS_PER_BYTE = "bits_per_byte"
PERPLEXITY = "perplexity"
_COLUMNS = ("tokens", "bytes", "loss", "correct", "top5")


def _values(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    tokens, size, loss, top1, top5 = sums
    return {
        "loss": loss / tokens,
        PERPLEXITY: np.exp(loss / tokens),
        BITS_PER_BYTE: loss / np.log(2) / size,
        "top1_accuracy": top1 / tokens,
        "top5_accuracy": top5 / tokens,
    }


TOKENS = Formulas(
    metrics=(
        Metric(
            name=BITS_PER_BYTE,
            label="bits per byte",
            better="lower",
            aspect="loss",
            unit="bits per byte",
            title="Bits per byte",
            hub="bits_per_byte",
        ),
        Metric("loss", "loss, nats", "lower", "loss", "nats per token", by_token=True),
        Metric(
            name=PERPLEXITY,
            label="perplexity",
            better="lower",
            aspect="loss",
            unit="per token",
            title="Perplexity per token",
            hub="perplexity",
            by_token=True,
        ),
        *(
            higher(
                name=f"top{guesses}_accuracy",
                label=f"top-{guesses} accuracy",
                unit="share of tokens",
                title=f"Top-{guesses} accuracy",
                hub="accuracy",
                by_token=True,
            )
            for guesses in (1, 5)
        ),
    ),
    needs=_COLUMNS,
    parts=partial(stack, names=_COLUMNS),
    values=_values,
)
"""The loss is the mean negative log-likelihood; bits per byte is the length of the code that it is
for the text (Shannon 1948), and compares between tokenizers."""
