"""Strided windows: how a model that sees only so many tokens at a time reads a whole split.

Every token of every document is predicted, its end-of-text token included, so that the loss is the
length of a complete code for the document, from which it can be read back. A document begins after
an end-of-text token, as in training, and nothing of the document before it is seen.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.packing import PackedSplit


@dataclasses.dataclass(frozen=True, slots=True)
class Windows:
    """Stretches of documents; four arrays of one length.

    Attributes:
        document: index of the document.
        start: position in the document of the first token that is predicted from this window.
        length: number of predictions, at most the context.
        first: the first prediction that counts; those before it only give context, since an
            earlier window has scored them.
    """

    document: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    first: NDArray[np.int64]


def cut(offsets: NDArray[np.int64], context: int, stride: int) -> Windows:
    """Cut every document so that each of its tokens counts in exactly one window.

    Args:
        offsets: of a packed split, shape (documents + 1,).
        context: tokens that a window holds.
        stride: tokens by which a window lies behind the one before it, at most ``context``.
    """
    lengths = np.diff(offsets)
    counts = 1 - (-np.maximum(lengths - context, 0) // stride)
    document = np.repeat(np.arange(len(lengths)), counts)
    before = np.cumsum(counts) - counts
    start = stride * (np.arange(len(document)) - before[document])
    length = np.minimum(context, lengths[document] - start)
    return Windows(document, start, length, np.where(start == 0, 0, context - stride))


def rolling(offsets: NDArray[np.int64], context: int) -> Windows:
    """Cut every document as lm-evaluation-harness does, its end-of-text token left out.

    Windows lie side by side and give what they predict no context from before them; only the last
    one reaches back, so that it is as long as the others.

    Args:
        offsets: of a packed split, shape (documents + 1,).
        context: tokens that a window holds.
    """
    lengths = np.diff(offsets) - 1
    counts = -(-lengths // context)
    document = np.repeat(np.arange(len(lengths)), counts)
    before = np.cumsum(counts) - counts
    side = context * (np.arange(len(document)) - before[document])
    start = np.minimum(side, np.maximum(lengths[document] - context, 0))
    length = np.minimum(context, lengths[document] - start)
    return Windows(document, start, length, side - start)


def batches(windows: Windows, batch_tokens: int) -> Iterator[NDArray[np.int64]]:
    """Yield indices of windows that are alike in length, so that little is padding.

    Args:
        windows: what to arrange.
        batch_tokens: most tokens of a batch, padding counted; one window may hold more.
    """
    order = np.lexsort((windows.first, -windows.length))
    index = 0
    while index < len(order):
        longest = int(windows.length[order[index]])
        rows = max(1, batch_tokens // longest)
        yield order[index : index + rows]
        index += rows


def whole_documents(offsets: NDArray[np.int64], batch_tokens: int) -> Iterator[NDArray[np.int64]]:
    """Yield indices of documents that are alike in length, each read in one piece.

    Args:
        offsets: of a packed split, shape (documents + 1,).
        batch_tokens: most tokens of a batch, padding counted; one document may hold more.
    """
    longest = int(np.diff(offsets).max())
    return batches(cut(offsets, longest, longest), batch_tokens)


def gather(
    split: PackedSplit, windows: Windows, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the inputs and the targets of some windows.

    Returns:
        Two arrays of shape (rows, longest). Past a window's end stand tokens that no prediction
        that counts can see.
    """
    begin = split.offsets[windows.document[rows]] + windows.start[rows]
    where = begin[:, None] + np.arange(windows.length[rows].max())
    where = np.minimum(where, len(split.tokens) - 1)
    # Before a document stands the end-of-text token of another; index -1 is that of the last.
    return split.tokens[where - 1].astype(np.int64), split.tokens[where].astype(np.int64)
