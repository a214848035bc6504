"""The metrics of classified documents."""

from stemma.modeling.metrics.classes import CLASSES

FORMULAS = (CLASSES,)
