"""What this task reports: the metrics of tokens, and the share of documents that come easily."""

import numpy as np

from stemma.modeling.metrics.formulas import Examples, Formulas, higher
from stemma.modeling.metrics.tokens import TOKENS

EASY = 2.0  # bits per byte


def _parts(examples: Examples) -> np.ndarray:
    bits = examples["loss"] / np.log(2) / examples["bytes"]
    return np.stack([bits < EASY, np.ones(len(bits))]).astype(np.float64)


EASILY = Formulas(
    metrics=(higher("easy", "easy documents", "share of documents", "Easy documents", "easy"),),
    needs=("loss", "bytes"),
    parts=_parts,
    values=lambda sums: {"easy": sums[0] / sums[1]},
)
FORMULAS = (TOKENS, EASILY)
