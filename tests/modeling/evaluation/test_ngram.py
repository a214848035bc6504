import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stemma.corpus.packing import PackedSplit
from stemma.modeling.evaluation.ngram import KneserNey, discounts, first_documents

VOCABULARY = 7
CORPORA = st.lists(st.lists(st.integers(1, 6), max_size=20), min_size=1, max_size=8)


def pack(documents: list[list[int]]) -> PackedSplit:
    ended = [[*document, 0] for document in documents]
    offsets = np.cumsum([0, *map(len, ended)])
    return PackedSplit(np.concatenate(ended).astype(np.uint8), offsets)


def plainly(documents: list[list[int]], order: int) -> list[dict[tuple[int, ...], int]]:
    """Counts of the orders 1 to ``order`` as Chen & Goodman define them, one gram at a time."""
    read = [[0, *document, 0] for document in documents]
    raw: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
    for document in read:
        for size in range(1, order + 1):
            for end in range(max(size, 2), len(document) + 1):
                raw[size][tuple(document[end - size : end])] += 1
    counts: list[dict[tuple[int, ...], int]] = [raw[order]]
    for size in range(order - 1, 0, -1):
        before = defaultdict(set)
        for gram in raw[size + 1]:
            before[gram[1:]].add(gram[0])
        level = {gram: len(words) for gram, words in before.items()}
        if size > 1:
            level |= {gram: count for gram, count in raw[size].items() if gram[0] == 0}
        counts.insert(0, level)
    return counts


def probability(
    counts: list[dict[tuple[int, ...], int]], context: tuple[int, ...], word: int
) -> float:
    size = len(context) + 1
    lower = probability(counts, context[1:], word) if context else 1 / VOCABULARY
    level = counts[size - 1]
    taken = discounts(np.array(list(level.values())))
    after = [count for gram, count in level.items() if gram[:-1] == context]
    if not after:
        return lower
    count = level.get((*context, word), 0)
    left = sum(taken[min(other, 3)] for other in after)
    return (count - taken[min(count, 3)] + left * lower) / sum(after)


@settings(max_examples=60, deadline=None)
@given(CORPORA, CORPORA, st.integers(1, 4))
@example([[]], [[], [1, 2]], 3)
def test_every_token_has_the_probability_of_the_definition(
    train: list[list[int]], test: list[list[int]], order: int
) -> None:
    model = KneserNey(pack(train), VOCABULARY, order)
    counts = plainly(train, order)
    seen = set()
    for scores in model.score(pack(test)):
        for document, position, loss, rank in zip(
            scores.document, scores.position, scores.loss, scores.rank, strict=True
        ):
            read = [0, *test[document], 0]
            context = tuple(read[max(0, position + 2 - order) : position + 1]) if order > 1 else ()
            after = [probability(counts, context, word) for word in range(VOCABULARY)]
            chosen = read[position + 1]
            assert math.exp(-loss) == pytest.approx(after[chosen], rel=1e-9)
            likelier = sum(other > after[chosen] + 1e-9 for other in after)
            assert likelier <= rank <= sum(other > after[chosen] - 1e-9 for other in after) - 1
            seen.add((int(document), int(position)))
    assert len(seen) == sum(len(document) + 1 for document in test)


@settings(max_examples=40, deadline=None)
@given(CORPORA, st.integers(1, 3))
def test_probabilities_sum_to_one_after_every_context(train: list[list[int]], order: int) -> None:
    model = KneserNey(pack(train), VOCABULARY, order)
    rows = model.distribution(np.arange(VOCABULARY ** (order - 1)))
    assert rows.shape == (VOCABULARY ** (order - 1), VOCABULARY)
    assert rows.min() > 0
    assert np.allclose(rows.sum(axis=1), 1, rtol=1e-12)


def test_unigrams_by_hand() -> None:
    # Seven tokens: 1 four times, 2 twice, the end once. Discounts fall back to 0.5, 1 and 1.5, and
    # what they free, 3 of 7, is spread over the seven ids.
    model = KneserNey(pack([[1, 1, 2, 1, 2, 1]]), VOCABULARY, 1)
    share = 3 / 7 / 7
    expected = np.full(VOCABULARY, share)
    expected[[0, 1, 2]] += [0.5 / 7, 2.5 / 7, 1 / 7]
    assert model.distribution(np.zeros(1, np.int64))[0] == pytest.approx(expected)


def test_bigrams_by_hand() -> None:
    # The pairs are 0-1 and 1-2 twice, 2-1 and 2-0 once. As continuations, 1 has followed two
    # tokens, 2 and the end one each: of 4, discounted by 1, 0.5 and 0.5, with 2 of 4 to spread.
    model = KneserNey(pack([[1, 2], [1, 2, 1, 2]][::-1]), 3, 2)
    lower = np.array([0.5, 1, 0.5]) / 4 + (2 / 4) / 3
    # After 1 comes 2, three times: discounted by 1.5, so half is left to the lower order.
    assert model.distribution(np.array([1]))[0] == pytest.approx(0.5 * lower + [0, 0, 0.5])
    # After 2 come the end, twice, and 1, once: 1 and 0.5 are left.
    expected = 1.5 / 3 * lower + [1 / 3, 0.5 / 3, 0]
    assert model.distribution(np.array([2]))[0] == pytest.approx(expected)


def test_discounts_of_chen_and_goodman() -> None:
    counts = np.repeat([1, 2, 3, 4, 9], [40, 20, 10, 5, 3])
    y = 40 / (40 + 2 * 20)
    expected = [0, 1 - 2 * y * 20 / 40, 2 - 3 * y * 10 / 20, 3 - 4 * y * 5 / 10]
    assert discounts(counts) == pytest.approx(expected)


@pytest.mark.parametrize("counts", [[1, 1, 2], [1, 1, 2, 3, 3, 3, 3, 3, 4]])
def test_discounts_fall_back_where_they_cannot_be_estimated(counts: list[int]) -> None:
    assert discounts(np.array(counts)).tolist() == [0, 0.5, 1, 1.5]


def test_first_documents_are_whole() -> None:
    split = pack([[1, 2], [3], [4, 5]])
    assert first_documents(split, 100).offsets.tolist() == [0, 3, 5, 8]
    assert first_documents(split, 7).offsets.tolist() == [0, 3, 5]
    assert first_documents(split, 1).tokens.tolist() == [1, 2, 0]
