"""The metrics of answers."""

from stemma.modeling.metrics.tokens import TOKENS

FORMULAS = (TOKENS,)
