"""The formulas of every task: what a column of reports/examples.parquet can be made into."""

from stemma.modeling.formulas import CLASSES, ENTITIES, TOKENS, WORDS
from stemma.modeling.wording import WORDING

FORMULAS = (TOKENS, WORDS, ENTITIES, CLASSES, WORDING)
