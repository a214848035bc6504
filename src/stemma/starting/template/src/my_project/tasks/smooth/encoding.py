"""Documents as tokens, as Stemma's causal_lm has them."""

from stemma.corpus.unlabelled import Unlabelled as Encoding

__all__ = ["Encoding"]
