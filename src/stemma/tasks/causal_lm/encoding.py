"""Whole documents as tokens, one after the other: the text is all there is to learn from."""

from stemma.corpus.unlabelled import Unlabelled as Encoding

__all__ = ["Encoding"]
