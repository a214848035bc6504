"""The formulas of every task: what a column of reports/examples.parquet can be made into."""

from stemma.modeling.metrics.formulas import CLASSES, ENTITIES, TOKENS, WORDS
from stemma.modeling.metrics.text_overlap import WORDING

FORMULAS = (TOKENS, WORDS, ENTITIES, CLASSES, WORDING)
