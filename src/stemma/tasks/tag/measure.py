"""Measure a tagger on the test split; the baseline gives every word the most frequent tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.task import IGNORED
from stemma.layout import PREPARED
from stemma.modeling.evaluation import results
from stemma.modeling.evaluation.intervals import example_metrics
from stemma.modeling.evaluation.predicting import check_classifier, predict, read_labelled
from stemma.modeling.evaluation.samples import page
from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
from stemma.modeling.examples.documents import Documents
from stemma.modeling.metrics.entities import entities_of, read_tags
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.tasks.tag import AUTO, Settings
from stemma.tasks.tag.metrics import FORMULAS

if TYPE_CHECKING:
    from torch import Tensor

_SAMPLES = 3
Tags = list[NDArray[np.int64]]


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Evaluation:
    """Tag every document of the test split; raises what `Measure` says."""
    split = read_labelled(PREPARED)
    ids, names, documents = split.test.ids, split.names, split.documents
    model = load_model(folder, AUTO, runtime.device)
    check_classifier(model, folder, PREPARED, split)
    actual = _tags(documents)
    predicted, loss = _predict(model, documents, section.batch_tokens, runtime)
    train = np.concatenate(_tags(Documents(PREPARED, "train")))
    # Each count is one more (Laplace): the task may have cut off all training words of a tag.
    prior = 1 + np.bincount(train, minlength=len(names))
    surprise = -np.log(prior / prior.sum())
    guess = [np.full_like(tags, prior.argmax()) for tags in actual]
    rows = {
        "majority": _examples(ids, actual, guess, [surprise[tags].sum() for tags in actual], names),
        "model": _examples(ids, actual, predicted, loss, names),
    }
    table = {name: _metrics(one, section, runtime.seed) for name, one in rows.items()}
    samples = _samples(documents, predicted, names, ids, folder)
    return Evaluation(table, results.counts(split.test), rows["model"], samples, {})


def metrics_of(
    settings: Settings, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
) -> dict[str, float]:
    """Tag every document of the test split; raises what `Measure` says."""
    split = read_labelled(PREPARED)
    check_classifier(model, folder, PREPARED, split)
    found = _predict(model, split.documents, section.batch_tokens, runtime)
    examples = _examples(split.test.ids, _tags(split.documents), *found, split.names)
    return _metrics(examples, section, runtime.seed)


def _predict(
    model: Any, documents: Documents, batch_tokens: int, runtime: Runtime
) -> tuple[Tags, NDArray[np.float64]]:
    """Return the predicted tags of each document, and the loss in nats of its own tags."""
    predicted, loss = [np.empty(0, np.int64)] * len(documents), np.zeros(len(documents))
    for chosen, read in predict(model, documents, batch_tokens, runtime, _read):
        for index, (tags, nats) in zip(chosen, read, strict=True):
            predicted[index], loss[index] = tags, nats
    return predicted, loss


def _read(logits: Tensor, labels: Tensor) -> list[tuple[NDArray[np.int64], float]]:
    score, words = logits.log_softmax(2), labels != IGNORED
    nats = -score.gather(2, labels.clamp(min=0)[..., None])[..., 0]
    return [
        (score[row][kept].argmax(1).cpu().numpy(), nats[row][kept].sum().item())
        for row, kept in enumerate(words)
    ]


def _tags(documents: Documents) -> Tags:
    parts = np.split(documents.labels, documents.split.offsets[1:-1])
    return [part[part != IGNORED].astype(np.int64) for part in parts]


def _examples(
    ids: Sequence[str], actual: Tags, predicted: Tags, loss: Any, names: list[str]
) -> dict[str, Any]:
    pairs = zip(actual, predicted, strict=True)
    return {
        "id": ids,
        "words": [len(tags) for tags in actual],
        "loss": loss,
        "correct": [int((tags == guess).sum()) for tags, guess in pairs],
        **_entities(actual, predicted, names),
    }


def _metrics(examples: Mapping[str, Any], section: EvaluateSection, seed: int) -> dict[str, float]:
    # Parts of speech and the like mark no entities.
    formulas = [one for one in FORMULAS if examples.keys() >= set(one.needs)]
    return example_metrics(examples, formulas, section.resamples, seed)


def _entities(actual: Tags, predicted: Tags, names: list[str]) -> dict[str, list[int]]:
    """Count the entities of each document: found, labelled, predicted; {} if tags make no entities.

    An entity is found when its type and both its ends are right (CoNLL 2003).
    """
    read = read_tags(names)
    if read is None:
        return {}
    pairs = [
        (entities_of(read[tag] for tag in tags), entities_of(read[tag] for tag in guess))
        for tags, guess in zip(actual, predicted, strict=True)
    ]
    return {
        "entities_found": [len(left & right) for left, right in pairs],
        "entities": [len(left) for left, _ in pairs],
        "entities_predicted": [len(right) for _, right in pairs],
    }


def _samples(
    documents: Documents, predicted: Tags, names: list[str], ids: list[str], folder: Path
) -> str:
    decoder = Tokenizer.from_file(str(folder / "tokenizer.json"))
    shown = []
    for index in documents.places(_SAMPLES):
        document = documents[index]
        (ends,) = np.nonzero(document["labels"].numpy() != IGNORED)
        words = np.split(document["input_ids"].numpy()[1:], ends)[: len(ends)]
        lines = [
            f"{decoder.decode(word.tolist()).strip()}\t{names[tag]}"
            for word, tag in zip(words, predicted[index], strict=True)
        ]
        shown.append((ids[index], "\n".join(lines)))
    return page("Each heading is a test document; below it its words and the tags given.", shown)
