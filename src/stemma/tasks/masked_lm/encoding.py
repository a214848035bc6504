"""Whole documents as tokens, one after the other; training decides what is hidden of them."""

from stemma.corpus.unlabelled import Unlabelled as Encoding

__all__ = ["Encoding"]
