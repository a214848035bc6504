"""The metrics of targets, and of what is written in their place."""

from stemma.modeling.metrics.text_overlap import OVERLAP
from stemma.modeling.metrics.tokens import TOKENS

FORMULAS = (TOKENS, OVERLAP)
