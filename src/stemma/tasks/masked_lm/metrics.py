"""The metrics of filled gaps."""

from stemma.modeling.metrics.tokens import TOKENS

FORMULAS = (TOKENS,)
