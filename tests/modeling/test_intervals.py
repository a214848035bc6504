import numpy as np
import pytest

from stemma.corpus.packing import PackedSplit
from stemma.errors import ModelError
from stemma.modeling.heldout import HeldOut
from stemma.modeling.intervals import Tally, figures, tally
from stemma.modeling.windows import Scores


def held_out(lengths: list[int], sizes: list[int]) -> HeldOut:
    offsets = np.cumsum([0, *lengths])
    names = [f"doc-{index}" for index in range(len(lengths))]
    return HeldOut(PackedSplit(np.zeros(offsets[-1], np.uint8), offsets), names, np.array(sizes))


def scores(document: list[int], position: list[int], loss: list[float], rank: list[int]) -> Scores:
    return Scores(*map(np.array, (document, position, loss, rank)))


def test_tally_adds_per_document_and_per_doubling_of_the_distance() -> None:
    parts = [
        scores([0, 1, 0], [0, 0, 1], [1.0, 2.0, 4.0], [0, 4, 5]),
        scores([0, 0], [2, 3], [8.0, 16.0], [0, 1]),
    ]
    found = tally("model", held_out([4, 1], [9, 3]), parts)
    assert found.loss.tolist() == [29.0, 2.0]
    assert found.top1.tolist() == [2, 0]
    assert found.top5.tolist() == [3, 1]
    assert found.position_loss[:4].tolist() == [3.0, 12.0, 16.0, 0.0]
    assert found.position_tokens[:4].tolist() == [2, 2, 1, 0]


def test_figures_by_hand() -> None:
    documents = held_out([4, 4], [6, 10])
    found = tally(
        "model", documents, [scores([0, 1], [0, 0], [8 * np.log(2), 8 * np.log(2)], [0, 3])]
    )
    result = figures(found, documents, 100, 1)
    assert result["loss"] == pytest.approx(2 * np.log(2), abs=1e-4)
    assert result["perplexity"] == 4
    assert result["bits_per_byte"] == 1
    assert result["top1_accuracy"] == 0.125
    assert result["top5_accuracy"] == 0.25
    # Only four samples of two documents exist, so the ends are those of one document alone.
    assert (result["bits_per_byte_low"], result["bits_per_byte_high"]) == (0.8, 1.3333)
    assert (result["top1_accuracy_low"], result["top1_accuracy_high"]) == (0, 0.25)
    assert (result["loss_low"], result["loss_high"]) == (result["loss"],) * 2


def test_intervals_are_as_wide_as_the_normal_approximation_says() -> None:
    random = np.random.default_rng(0)
    documents = held_out([100] * 400, [100] * 400)
    loss = random.normal(300, 40, 400)
    zeros = np.zeros(400, np.int64)
    whole = Tally(documents.ids, loss, zeros, zeros, np.zeros(1), np.zeros(1, np.int64))
    result = figures(whole, documents, 4000, 7)
    half = 1.96 * loss.std() / 100 / np.sqrt(400)
    assert result["loss_high"] - result["loss"] == pytest.approx(half, rel=0.1)
    assert result["loss"] - result["loss_low"] == pytest.approx(half, rel=0.1)
    assert figures(whole, documents, 4000, 7) == result
    assert figures(whole, documents, 4000, 8) != result


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_names_its_document(value: float) -> None:
    with pytest.raises(ModelError, match="test document 'doc-1' is not a finite number"):
        tally("model", held_out([1, 1], [1, 1]), [scores([0, 1], [0, 0], [1.0, value], [0, 0])])
