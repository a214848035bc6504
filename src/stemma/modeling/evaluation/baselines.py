"""What a model of tokens is measured beside: n-gram models, and the base that it started from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from stemma.corpus.packing import PackedSplit, read_split
from stemma.layout import PREPARED
from stemma.modeling import processes
from stemma.modeling.evaluation.heldout import HeldOut, Predicted
from stemma.modeling.evaluation.ngram import KneserNey, first_documents
from stemma.modeling.evaluation.settings import EvaluateSection
from stemma.modeling.evaluation.token_scores import DocumentScores, Scores, sum_scores
from stemma.modeling.weights.load import load_base

NGRAMS = ("unigram", "bigram", "trigram")


def count_ngrams(
    section: EvaluateSection, test: HeldOut, vocabulary: int, names: Iterable[str] = NGRAMS
) -> Iterator[tuple[str, Iterator[Scores]]]:
    """Yield the name of each n-gram model of the training split, and its scores of the test split.

    Args:
        section: says how many training tokens are counted.
        test: what to score.
        vocabulary: number of ids.
        names: of the models: the first of NGRAMS, or all.
    """
    train = first_documents(read_split(PREPARED, "train"), section.baseline_tokens)
    for order, name in enumerate(names, start=1):
        yield name, _counted(train, vocabulary, order, test.split)


def _counted(
    train: PackedSplit, vocabulary: int, order: int, test: PackedSplit
) -> Iterator[Scores]:
    # Counted only where, and when, the first score is asked for.
    yield from KneserNey(train, vocabulary, order).score(test)


def score_models(
    predicted: Predicted,
    counted: Iterable[tuple[str, Iterator[Scores]]],
    model: Any,
    auto: str,
    score: Callable[[Any], Iterator[Scores]],
) -> dict[str, DocumentScores]:
    """Sum the scores of n-gram models, of the base if it has such a head, and of the model.

    Args:
        predicted: what is scored.
        counted: names and scores of n-gram models.
        model: what is measured.
        auto: name of transformers' Auto class of the task.
        score: from a model to its scores.

    Raises:
        ModelError: the base is torn, or a loss is not finite.
    """
    found = dict(
        processes.share(counted, lambda one: (one[0], sum_scores(one[0], predicted, one[1])))
    )
    if base := load_base(auto, model.device):
        found["base"] = sum_scores("base", predicted, score(base))
    found["model"] = sum_scores("model", predicted, score(model))
    return found
