"""The metrics of continued text."""

from stemma.modeling.metrics.tokens import TOKENS

FORMULAS = (TOKENS,)
