"""The formulas of every task, by which columns of reports/examples.parquet become metrics."""

from stemma.modeling.metrics.classes import CLASSES
from stemma.modeling.metrics.tags import ENTITIES, WORDS
from stemma.modeling.metrics.text_overlap import OVERLAP
from stemma.modeling.metrics.tokens import TOKENS

# In the order in which the metrics are shown.
FORMULAS = (TOKENS, CLASSES, WORDS, ENTITIES, OVERLAP)
