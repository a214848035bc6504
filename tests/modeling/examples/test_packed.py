import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.corpus.packing import PackedSplit
from stemma.errors import DataError
from stemma.modeling.examples.packed import PackedBlocks, cut_block, held_out_blocks


def numbers(count: int) -> PackedSplit:
    return PackedSplit(np.arange(count, dtype=np.uint16), np.array([0, count]))


@given(st.integers(8, 300), st.integers(1, 4), st.integers(0, 99))
def test_an_epoch_covers_the_tokens_once(count, length, seed):
    blocks = PackedBlocks(numbers(count), length, 1000, seed)
    seen = [blocks[i]["input_ids"].tolist() for i in range(blocks.per_epoch)]
    flat = sorted(token for block in seen for token in block)
    assert flat == list(range(flat[0], flat[0] + len(flat)))
    assert len(flat) > count - 2 * length


def test_labels_are_the_tokens_that_follow():
    block = PackedBlocks(numbers(100), 8, 10, 1)[3]
    assert (block["labels"] == block["input_ids"] + 1).all()


def test_the_order_is_a_function_of_the_seed_and_the_place():
    tokens = numbers(200)
    one, other = PackedBlocks(tokens, 8, 500, 1), PackedBlocks(tokens, 8, 500, 1)
    forward = [one[i]["input_ids"][0].item() for i in range(60)]
    assert forward == [other[i]["input_ids"][0].item() for i in reversed(range(60))][::-1]
    assert forward[: one.per_epoch] != forward[one.per_epoch : 2 * one.per_epoch]
    different = PackedBlocks(tokens, 8, 500, 2)
    assert forward != [different[i]["input_ids"][0].item() for i in range(60)]


def test_too_few_tokens():
    with pytest.raises(DataError, match=r"train\.sequence_length"):
        PackedBlocks(numbers(15), 8, 1, 1)
    with pytest.raises(DataError, match="validation"):
        held_out_blocks(numbers(8), 8, 4)


def test_held_out_blocks_are_spread():
    blocks = held_out_blocks(numbers(101), 10, 4)
    assert [block["input_ids"][0].item() for block in blocks] == [0, 30, 60, 90]
    assert len(held_out_blocks(numbers(101), 10, 400)) == 10


@given(st.lists(st.integers(1, 7), min_size=3, max_size=30), st.integers(1, 9), st.integers(0, 99))
def test_positions_begin_anew_with_every_document(sizes, length, place):
    # The end-of-text token is 0; an empty document is nothing else.
    tokens = np.concatenate([[*range(1, size), 0] for size in sizes]).astype(np.uint8)
    split = PackedSplit(tokens, np.cumsum([0, *sizes]))
    start = place % max(1, len(tokens) - length)
    row = cut_block(split, start, min(length, len(tokens) - 1), across=False)
    expected, position = [], 0
    for token in row["input_ids"].tolist():
        # A document begins from the end of the one before it, as in evaluation.
        position = 0 if token == 0 else position
        expected.append(position)
        position += 1
    assert row["position_ids"].tolist() == expected
    assert "position_ids" not in cut_block(split, 0, 1, across=True)
