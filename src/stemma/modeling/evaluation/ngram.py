"""N-gram models with interpolated modified Kneser-Ney smoothing: what mere counting achieves.

After Chen & Goodman 1999, "An empirical study of smoothing techniques for language modeling":
equations 25 to 27, discounts from counts of counts, lower orders from continuation counts.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.packing import PackedSplit
from stemma.modeling.evaluation.token_scores import Scores

_BLOCK_CELLS = 2**19


@dataclasses.dataclass(frozen=True, slots=True)
class _Level:
    """One order of the model.

    Attributes:
        contexts: packed contexts that occur, sorted.
        starts: where the continuations of each context start; one more at the end.
        backoff: probability left to the next lower order, per context.
        words: the continuations, context by context.
        seen: discounted probability of each continuation.
    """

    contexts: NDArray[np.int64]
    starts: NDArray[np.int64]
    backoff: NDArray[np.float64]
    words: NDArray[np.int64]
    seen: NDArray[np.float64]


class KneserNey:
    """An n-gram model over token ids; documents begin after an end-of-text token.

    Args:
        split: what to count.
        vocabulary: number of ids.
        order: 1 for unigrams, 2 for bigrams and so on; ``vocabulary ** order`` is below 2 ** 63.
    """

    def __init__(self, split: PackedSplit, vocabulary: int, order: int) -> None:
        assert vocabulary**order < 2**63, "packed n-grams overflow"
        self.vocabulary = vocabulary
        self.order = order
        keys, positions = _pack(split, vocabulary, order), _positions(split)
        grams, counts = np.unique(keys[positions >= order - 2], return_counts=True)
        self._levels = [_level(grams, counts, vocabulary)]
        for lower in range(order - 1, 0, -1):
            suffixes = [grams % vocabulary**lower]
            if lower > 1:
                # Nothing precedes the start of a document, so there every occurrence counts.
                suffixes.append(_pack(split, vocabulary, lower)[positions == lower - 2])
            grams, counts = np.unique(np.concatenate(suffixes), return_counts=True)
            self._levels.insert(0, _level(grams, counts, vocabulary))

    def distribution(self, contexts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability of every token after each context.

        Args:
            contexts: shape (contexts,); the last ``order - 1`` tokens as digits to the base of the
                vocabulary, the nearest token last.

        Returns:
            An array of shape (contexts, vocabulary) whose rows sum to one.
        """
        return self._rows(self.order, contexts)

    def score(self, split: PackedSplit) -> Iterator[Scores]:
        """Yield the scores of every token of a split, in blocks of bounded memory."""
        # A context that reaches beyond the start of its document holds an end-of-text token at
        # another place than its first, occurs nowhere, and so falls back to what is the document's.
        keys, positions = _pack(split, self.vocabulary, self.order), _positions(split)
        documents = np.repeat(np.arange(len(split.offsets) - 1), np.diff(split.offsets))
        contexts, targets = keys // self.vocabulary, keys % self.vocabulary
        # Contexts that end alike share the rows of the lower orders.
        order = np.lexsort((contexts, contexts % self.vocabulary))
        size = max(1, _BLOCK_CELLS // self.vocabulary)
        for index in range(0, len(order), size):
            block = order[index : index + size]
            loss, rank = self._score(contexts[block], targets[block])
            yield Scores(documents[block], positions[block], loss, rank)

    def _score(
        self, contexts: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        unique, inverse = np.unique(contexts, return_inverse=True)
        rows = self.distribution(unique)[inverse]
        chosen = rows[np.arange(len(rows)), targets][:, None]
        before = np.arange(self.vocabulary) < targets[:, None]
        rank = np.count_nonzero((rows > chosen) | ((rows == chosen) & before), axis=1)
        return -np.log(chosen[:, 0]), rank

    def _rows(self, order: int, contexts: NDArray[np.int64]) -> NDArray[np.float64]:
        if order == 0:
            return np.full((len(contexts), self.vocabulary), 1 / self.vocabulary)
        shorter = contexts % self.vocabulary ** max(order - 2, 0)
        unique, inverse = np.unique(shorter, return_inverse=True)
        rows = self._rows(order - 1, unique)[inverse]
        level = self._levels[order - 1]
        if len(level.contexts) == 0:  # no document is long enough
            return rows
        found = np.searchsorted(level.contexts, contexts).clip(max=len(level.contexts) - 1)
        (known,) = np.nonzero(level.contexts[found] == contexts)
        found = found[known]
        rows[known] *= level.backoff[found, None]
        sizes = level.starts[found + 1] - level.starts[found]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        entries = np.repeat(level.starts[found], sizes) + within
        rows[np.repeat(known, sizes), level.words[entries]] += level.seen[entries]
        return rows


def first_documents(split: PackedSplit, tokens: int) -> PackedSplit:
    """Return the first documents that have at most ``tokens`` tokens in all, but at least one.

    Args:
        split: what to shorten.
        tokens: at most; a ``KneserNey`` takes about 60 bytes of memory per token.
    """
    documents = max(1, int(np.searchsorted(split.offsets, tokens, side="right")) - 1)
    return PackedSplit(split.tokens[: split.offsets[documents]], split.offsets[: documents + 1])


def discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the discounts of counts of 0, 1, 2, and 3 or more.

    Chen & Goodman 1999, equation 26. If the corpus is too small to estimate them, they are 0.5, 1
    and 1.5, as in ``lmplz --discount_fallback`` (Heafield et al. 2013).
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) > 0:
        y = n1 / (n1 + 2 * n2)
        estimated = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
        if np.all(estimated >= 0):
            return estimated
    return np.array([0, 0.5, 1, 1.5])


def _pack(split: PackedSplit, vocabulary: int, order: int) -> NDArray[np.int64]:
    # One packed n-gram per token, which is its last word; index -1 wraps to an end-of-text token.
    tokens = split.tokens.astype(np.int64)
    keys = np.zeros(len(tokens), np.int64)
    for back in range(order - 1, -1, -1):
        keys *= vocabulary
        keys += np.roll(tokens, back)
    return keys


def _positions(split: PackedSplit) -> NDArray[np.int64]:
    return np.arange(len(split.tokens)) - np.repeat(split.offsets[:-1], np.diff(split.offsets))


def _level(grams: NDArray[np.int64], counts: NDArray[np.int64], vocabulary: int) -> _Level:
    # ``grams`` is sorted, so the grams of one context stand together.
    contexts, starts = np.unique(grams // vocabulary, return_index=True)
    taken = discounts(counts)[np.minimum(counts, 3)]
    totals = np.add.reduceat(counts, starts)
    sizes = np.diff(starts, append=len(grams))
    return _Level(
        contexts,
        np.append(starts, len(grams)),
        np.add.reduceat(taken, starts) / totals,
        grams % vocabulary,
        (counts - taken) / np.repeat(totals, sizes),
    )
