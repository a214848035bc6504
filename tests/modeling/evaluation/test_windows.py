import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stemma.corpus.packing import PackedSplit
from stemma.modeling.evaluation.windows import batches, cut, gather, rolling

END = 9


def split(lengths: list[int]) -> PackedSplit:
    documents = [[*np.arange(length - 1) % 9, END] for length in lengths]
    offsets = np.cumsum([0, *lengths])
    return PackedSplit(np.concatenate(documents).astype(np.uint8), offsets)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 64),
)
def test_every_token_counts_once_and_sees_only_its_own_document(
    lengths: list[int], context: int, stride: int, batch_tokens: int
) -> None:
    stride = min(stride, context)
    packed = split(lengths)
    windows = cut(packed.offsets, context, stride)
    counted = []
    for rows in batches(windows, batch_tokens):
        inputs, targets = gather(packed, windows, rows)
        assert inputs.shape == targets.shape
        assert inputs.size <= batch_tokens or len(rows) == 1
        for row, index in enumerate(rows):
            document, start = windows.document[index], windows.start[index]
            length, first = windows.length[index], windows.first[index]
            assert 0 <= first < length <= context
            # Whatever is not the first window leaves each token at least this much to look at.
            assert start == 0 or first == context - stride
            begin, end = packed.offsets[document], packed.offsets[document + 1]
            shifted = np.array([END, *packed.tokens[begin:end]])
            assert np.array_equal(inputs[row, :length], shifted[start : start + length])
            assert np.array_equal(targets[row, :length], shifted[start + 1 : start + length + 1])
            counted += [(document, start + place) for place in range(first, length)]
    expected = [(doc, place) for doc, length in enumerate(lengths) for place in range(length)]
    assert sorted(counted) == expected


def test_windows_of_one_batch_are_alike_in_length() -> None:
    windows = cut(np.cumsum([0, 30, 3, 29, 4]), context=32, stride=16)
    found = [windows.length[rows].tolist() for rows in batches(windows, 60)]
    assert found == [[30, 29], [4, 3]]


def harness(tokens: list[int], context: int) -> list[tuple[list[int], list[int]]]:
    """What lm-evaluation-harness 0.4.13 feeds a model: inputs, and the last ones predicted."""
    first = tokens[:context]
    found = [([END, *first[:-1]], first)] if tokens else []
    predicted = len(first)
    while predicted < len(tokens):
        end = min(len(tokens), predicted + context)
        found.append((tokens[end - context - 1 : end - 1], tokens[predicted:end]))
        predicted = end
    return found


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 12))
def test_rolling_windows_are_those_of_the_harness(lengths: list[int], context: int) -> None:
    packed = split(lengths)
    windows = rolling(packed.offsets, context)
    rows = np.arange(len(windows.start))
    found = []
    if len(rows):
        inputs, targets = gather(packed, windows, rows)
        for row in rows:
            first, length = windows.first[row], windows.length[row]
            found.append((inputs[row, :length].tolist(), targets[row, first:length].tolist()))
    texts = [packed.tokens[a : b - 1].tolist() for a, b in itertools.pairwise(packed.offsets)]
    assert found == [window for text in texts for window in harness(text, context)]
