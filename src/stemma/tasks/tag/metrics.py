"""The metrics of tagged words."""

from stemma.modeling.metrics.tags import ENTITIES, WORDS

FORMULAS = (WORDS, ENTITIES)
