"""Measure a classifier on the test split; the baseline always gives the most frequent class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.layout import PREPARED
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.intervals import example_metrics
from stemma.modeling.evaluation.predicting import check_classifier, predict, read_labelled
from stemma.modeling.evaluation.samples import page
from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
from stemma.modeling.examples.documents import Documents
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.tasks.classify import AUTO, Settings
from stemma.tasks.classify.metrics import FORMULAS

if TYPE_CHECKING:
    from torch import Tensor

_SAMPLES = 6
_INTRODUCTION = """\
Each heading is a test document; below it the class that the model gives it and its own, and how it
reads."""
_TOLD = ("predicted", "label")


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Evaluation:
    """Classify every document of the test split; raises what `Measure` says."""
    split = read_labelled(PREPARED)
    ids, names, documents = split.test.ids, split.names, split.documents
    model = load_model(folder, AUTO, runtime.device)
    check_classifier(model, folder, PREPARED, split)
    actual, prior = _classes(documents), _prior(len(names))
    predicted, loss = _predict(model, documents, section.batch_tokens, runtime)
    guess = np.full_like(actual, prior.argmax())
    examples = _examples(ids, actual, predicted, loss, names)
    majority = _examples(ids, actual, guess, -np.log(prior[actual]), names)
    how = (FORMULAS, section.resamples, runtime.seed)
    table = {
        "majority": example_metrics(majority, *how),
        "model": example_metrics(examples, *how),
    }
    confusion = [["actual", "predicted"]]
    confusion += [list(row) for row in zip(examples["label"], examples["predicted"], strict=True)]
    samples, counts = _samples(examples, documents, folder), results.counts(split.test)
    return Evaluation(table, counts, examples, samples, {"confusion.csv": confusion})


def metrics_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Classify every document of the test split; raises what `Measure` says."""
    split = read_labelled(PREPARED)
    check_classifier(model, folder, PREPARED, split)
    found = _predict(model, split.documents, section.batch_tokens, runtime)
    examples = _examples(split.test.ids, _classes(split.documents), *found, split.names)
    return example_metrics(examples, FORMULAS, section.resamples, runtime.seed)


def _predict(
    model: Any, documents: Documents, batch_tokens: int, runtime: Runtime
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the predicted class of each document, and the loss in nats of its own class."""
    predicted, loss = np.empty(len(documents), np.int64), np.empty(len(documents))
    for chosen, read in predict(model, documents, batch_tokens, runtime, _read):
        predicted[chosen], loss[chosen] = read
    return predicted, loss


def _read(logits: Tensor, labels: Tensor) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    score = logits.log_softmax(1)
    return score.argmax(1).cpu().numpy(), -score.gather(1, labels[:, :1])[:, 0].cpu().numpy()


def _classes(documents: Documents) -> NDArray[np.int64]:
    return documents.labels[documents.split.offsets[:-1]].astype(np.int64)


def _prior(classes: int) -> NDArray[np.float64]:
    # Each count is one more (Laplace): the task may have dropped all training documents of a class.
    counts = 1 + np.bincount(_classes(Documents(PREPARED, "train")), minlength=classes)
    return counts / counts.sum()


def _examples(
    ids: Sequence[str],
    actual: NDArray[np.int64],
    predicted: NDArray[np.int64],
    loss: NDArray[np.float64],
    names: list[str],
) -> dict[str, Any]:
    return {
        "id": ids,
        "label": [names[index] for index in actual],
        "predicted": [names[index] for index in predicted],
        "loss": loss,
        "correct": actual == predicted,
    }


def _samples(examples: dict[str, Any], documents: Documents, folder: Path) -> str:
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    shown = []
    for index in documents.places(_SAMPLES):
        text = decoder.decode(documents[index]["input_ids"].tolist())
        told = "class {}, labelled {}".format(*(examples[key][index] for key in _TOLD))
        shown.append((examples["id"][index], f"{told}\n\n{text}"))
    return page(_INTRODUCTION, shown)
