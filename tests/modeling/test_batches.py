import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.errors import DataError
from stemma.modeling.batches import PackedBlocks, held_out_blocks


@given(st.integers(8, 300), st.integers(1, 4), st.integers(0, 99))
def test_an_epoch_covers_the_tokens_once(count, length, seed):
    tokens = np.arange(count)
    blocks = PackedBlocks(tokens, length, 1000, seed)
    seen = [blocks[i]["input_ids"].tolist() for i in range(blocks.per_epoch)]
    flat = sorted(token for block in seen for token in block)
    assert flat == list(range(flat[0], flat[0] + len(flat)))
    assert len(flat) > count - 2 * length


def test_labels_are_the_tokens_that_follow():
    block = PackedBlocks(np.arange(100, dtype=np.uint16), 8, 10, 1)[3]
    assert (block["labels"] == block["input_ids"] + 1).all()


def test_the_order_is_a_function_of_the_seed_and_the_place():
    tokens = np.arange(200)
    one, other = PackedBlocks(tokens, 8, 500, 1), PackedBlocks(tokens, 8, 500, 1)
    forward = [one[i]["input_ids"][0].item() for i in range(60)]
    assert forward == [other[i]["input_ids"][0].item() for i in reversed(range(60))][::-1]
    assert forward[: one.per_epoch] != forward[one.per_epoch : 2 * one.per_epoch]
    different = PackedBlocks(tokens, 8, 500, 2)
    assert forward != [different[i]["input_ids"][0].item() for i in range(60)]


def test_too_few_tokens():
    with pytest.raises(DataError, match=r"train\.sequence_length"):
        PackedBlocks(np.arange(15), 8, 1, 1)
    with pytest.raises(DataError, match="validation"):
        held_out_blocks(np.arange(8), 8, 4)


def test_held_out_blocks_are_spread():
    blocks = held_out_blocks(np.arange(101), 10, 4)
    assert [block["input_ids"][0].item() for block in blocks] == [0, 30, 60, 90]
    assert len(held_out_blocks(np.arange(101), 10, 400)) == 10
