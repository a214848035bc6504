"""What this task reports: the metrics of tokens, and the share of documents that come easily."""

import numpy as np

from stemma.modeling.metrics.formulas import Examples, Formulas, higher
from stemma.modeling.metrics.tokens import TOKENS

EASY = 2.0  # bits per byte


def easy(examples: Examples) -> np.ndarray:
    """Return which documents come easily, shape (documents,)."""
    return examples["loss"] / np.log(2) / examples["bytes"] < EASY


def _parts(examples: Examples) -> np.ndarray:
    found = easy(examples).astype(np.float64)
    return np.stack([found, np.ones_like(found)])


EASILY = Formulas(
    metrics=(higher("easy", "easy documents", "share of documents", "Easy documents", "easy"),),
    needs=("loss", "bytes"),
    parts=_parts,
    values=lambda sums: {"easy": sums[0] / sums[1]},
)
FORMULAS = (TOKENS, EASILY)
