"""Measure a classifier on the test split, beside the most frequent class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.layout import PREPARED
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.heldout import read_held_out
from stemma.modeling.evaluation.intervals import of_examples
from stemma.modeling.evaluation.predicting import check_classifier, predict
from stemma.modeling.evaluation.samples import page
from stemma.modeling.evaluation.settings import EvaluateSection, Measured
from stemma.modeling.examples.documents import Documents
from stemma.modeling.examples.labels import read_names
from stemma.modeling.metrics.formulas import CLASSES
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.tasks.classify import AUTO, Settings

_SAMPLES = 6
_INTRODUCTION = """\
Each heading is a test document; below it the class that the model gives it and its own, and how it
reads."""
_TOLD = ("predicted", "label")


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Measured:
    """Classify every document of the test split with the model in ``folder``.

    Raises:
        DataError: data/prepared lacks a file, is torn, or has no test document.
        ModelError: the model cannot be loaded, does not fit the data, or has no finite loss.
    """
    test, names = read_held_out(PREPARED), read_names(PREPARED)
    documents = Documents(PREPARED, "test")
    model = load_model(folder, AUTO, runtime.device)
    check_classifier(model, folder, PREPARED, names, test)
    actual, prior = _classes(documents), _prior(len(names))
    predicted, loss = _predict(model, documents, section.batch_tokens, runtime)
    guess = np.full_like(actual, prior.argmax())
    examples = _examples(test.ids, actual, predicted, loss, names)
    majority = _examples(test.ids, actual, guess, -np.log(prior[actual]), names)
    how = ([CLASSES], section.resamples, runtime.seed)
    table = {
        "majority": of_examples(majority, *how),
        "model": of_examples(examples, *how),
    }
    confusion = [["actual", "predicted"]]
    confusion += [list(row) for row in zip(examples["label"], examples["predicted"], strict=True)]
    samples = _samples(examples, documents, folder)
    return Measured(table, results.counts(test), examples, samples, {"confusion.csv": confusion})


def figures_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Classify every document of the test split; ``folder`` has the model's tokenizer.

    Raises:
        DataError: as ``measure``.
        ModelError: the model does not fit the data, or has no finite loss.
    """
    test, names = read_held_out(PREPARED), read_names(PREPARED)
    check_classifier(model, folder, PREPARED, names, test)
    documents = Documents(PREPARED, "test")
    found = _predict(model, documents, section.batch_tokens, runtime)
    examples = _examples(test.ids, _classes(documents), *found, names)
    return of_examples(examples, [CLASSES], section.resamples, runtime.seed)


def _predict(
    model: Any, documents: Documents, batch_tokens: int, runtime: Runtime
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class of each document, and the loss in nats of its own."""
    predicted, loss = np.empty(len(documents), np.int64), np.empty(len(documents))
    for chosen, logits, labels in predict(model, documents, batch_tokens, runtime):
        score = logits.log_softmax(1)
        predicted[chosen] = score.argmax(1).cpu().numpy()
        loss[chosen] = -score.gather(1, labels[:, :1])[:, 0].cpu().numpy()
    return predicted, loss


def _classes(documents: Documents) -> NDArray[np.int64]:
    return documents.labels[documents.split.offsets[:-1]].astype(np.int64)


def _prior(classes: int) -> NDArray[np.float64]:
    # One more of each (Laplace): the task may have dropped all training documents of a class.
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
    for index in np.linspace(0, len(documents) - 1, min(_SAMPLES, len(documents))).astype(int):
        text = decoder.decode(documents[int(index)]["input_ids"].tolist())
        told = "class {}, labelled {}".format(*(examples[key][index] for key in _TOLD))
        shown.append((examples["id"][index], f"{told}\n\n{text}"))
    return page(_INTRODUCTION, shown)
