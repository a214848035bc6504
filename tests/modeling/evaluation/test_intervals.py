import dataclasses
import warnings

import numpy as np
import pytest

from stemma.corpus.packing import PackedSplit
from stemma.errors import ModelError
from stemma.modeling.evaluation.heldout import HeldOut
from stemma.modeling.evaluation.intervals import bootstrap
from stemma.modeling.evaluation.results import counts
from stemma.modeling.evaluation.token_scores import (
    DocumentScores,
    Scores,
    sum_scores,
    token_metrics,
)


def held_out(lengths: list[int], sizes: list[int]) -> HeldOut:
    offsets = np.cumsum([0, *lengths])
    names = [f"doc-{index}" for index in range(len(lengths))]
    return HeldOut(PackedSplit(np.zeros(offsets[-1], np.uint8), offsets), names, np.array(sizes))


def scores(document: list[int], position: list[int], loss: list[float], rank: list[int]) -> Scores:
    return Scores(*map(np.array, (document, position, loss, rank)))


def test_scores_add_up_per_document_and_per_doubling_of_the_distance() -> None:
    parts = [
        scores([0, 1, 0], [0, 0, 1], [1.0, 2.0, 4.0], [0, 4, 5]),
        scores([0, 0], [2, 3], [8.0, 16.0], [0, 1]),
    ]
    found = sum_scores("model", held_out([4, 1], [9, 3]), parts)
    assert found.loss.tolist() == [29.0, 2.0]
    assert found.top1.tolist() == [2, 0]
    assert found.top5.tolist() == [3, 1]
    assert found.position_loss[:4].tolist() == [3.0, 12.0, 16.0, 0.0]
    assert found.position_tokens[:4].tolist() == [2, 2, 1, 0]


def test_metrics_by_hand() -> None:
    documents = held_out([4, 4], [6, 10])
    found = sum_scores(
        "model", documents, [scores([0, 1], [0, 0], [8 * np.log(2), 8 * np.log(2)], [0, 3])]
    )
    result = token_metrics(found, documents, 100, 1)
    assert result["loss"] == pytest.approx(2 * np.log(2), abs=1e-4)
    assert result["perplexity"] == 4
    assert result["bits_per_byte"] == 1
    assert result["top1_accuracy"] == 0.125
    assert result["top5_accuracy"] == 0.25


def evenly(documents: HeldOut, loss: list[float]) -> DocumentScores:
    names, zeros = documents.ids, np.zeros(len(loss), np.int64)
    return DocumentScores(names, np.array(loss), zeros, zeros, np.zeros(1), np.zeros(1, np.int64))


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7])
def test_too_few_documents_have_no_interval(count: int) -> None:
    documents = held_out([4] * count, [8] * count)
    result = token_metrics(
        evenly(documents, [4.0 + one for one in range(count)]), documents, 100, 1
    )
    assert result["loss"] == pytest.approx(1 + (count - 1) / 8)
    ends = {key for key in result if key.endswith(("_low", "_high"))}
    assert len(ends) == (2 * 5 if count >= 6 else 0)
    if ends:
        assert result["loss_low"] < result["loss"] < result["loss_high"]


def test_there_are_no_bits_per_byte_of_a_text_that_does_not_come_back() -> None:
    documents = held_out([4] * 6, [8] * 6)
    whole = token_metrics(evenly(documents, [1.0] * 6), documents, 100, 1)
    lost = dataclasses.replace(documents, not_restored=1)
    found = token_metrics(evenly(lost, [1.0] * 6), lost, 100, 1)
    ends = {f"bits_per_byte{end}" for end in ("", "_low", "_high")}
    assert whole.keys() - found.keys() == ends
    assert counts(documents).keys() | {"not_restored"} == counts(lost).keys()
    assert counts(lost)["not_restored"] == 1


@pytest.mark.parametrize("loss", [104.0, 800.0, 120_000.0])
def test_a_loss_that_stays_finite_and_makes_no_sense_is_refused(loss: float) -> None:
    documents = held_out([4] * 6, [8] * 6)
    with pytest.raises(ModelError, match="nats per token") as error:
        token_metrics(evenly(documents, [4 * loss] * 6), documents, 100, 1)
    assert error.value.hint == "the training diverged: lower train.learning_rate"


def test_a_metric_that_is_not_finite_in_some_samples_is_refused_without_a_warning() -> None:
    columns = np.array([[1.0] * 7 + [200.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ModelError, match="power_high of the test split is not a finite number"):
            bootstrap(columns, lambda sums: {"power": np.exp(2 * sums[0])}, 500, 1)


def test_intervals_are_as_wide_as_the_normal_approximation_says() -> None:
    random = np.random.default_rng(0)
    documents = held_out([100] * 400, [100] * 400)
    loss = random.normal(300, 40, 400)
    zeros = np.zeros(400, np.int64)
    whole = DocumentScores(documents.ids, loss, zeros, zeros, np.zeros(1), np.zeros(1, np.int64))
    result = token_metrics(whole, documents, 4000, 7)
    half = 1.96 * loss.std() / 100 / np.sqrt(400)
    assert result["loss_high"] - result["loss"] == pytest.approx(half, rel=0.1)
    assert result["loss"] - result["loss_low"] == pytest.approx(half, rel=0.1)
    assert token_metrics(whole, documents, 4000, 7) == result
    assert token_metrics(whole, documents, 4000, 8) != result


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_names_its_document(value: float) -> None:
    with pytest.raises(ModelError, match="test document 'doc-1' is not a finite number"):
        sum_scores(
            "model", held_out([1, 1], [1, 1]), [scores([0, 1], [0, 0], [1.0, value], [0, 0])]
        )
