"""The test split of a task that predicts labels, and what a model predicts for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stemma.errors import ModelError
from stemma.modeling import processes
from stemma.modeling.evaluation.heldout import HeldOut, check_vocabulary, read_held_out
from stemma.modeling.examples.documents import Documents, pad
from stemma.modeling.examples.labels import read_names
from stemma.modeling.runtime import Runtime

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class LabelledSplit:
    """The test split of a task that predicts labels.

    Attributes:
        test: ids and sizes of its documents.
        names: of the labels, in the order of their ids.
        documents: tokens and labels.
    """

    test: HeldOut
    names: list[str]
    documents: Documents


def read_labelled(prepared: Path) -> LabelledSplit:
    """Read the test split with its labels.

    Raises:
        DataError: a file is missing or torn, or the split is empty.
    """
    return LabelledSplit(read_held_out(prepared), read_names(prepared), Documents(prepared, "test"))


def check_classifier(
    model: PreTrainedModel, folder: Path, prepared: Path, split: LabelledSplit
) -> None:
    """Refuse a model that does not give each of these labels a probability.

    Args:
        model: what is to be measured.
        folder: of the model, with its tokenizer.
        prepared: data/prepared.
        split: what the model is to be measured on.

    Raises:
        DataError: the tokenizer is missing or torn, or the tokens are not in its vocabulary.
        ModelError: the model has other labels or another vocabulary.
    """
    check_vocabulary(split.test, prepared, folder, model.config.vocab_size)
    known: dict[Any, str] = model.config.id2label or {}
    if [name for _, name in sorted(known.items())] != split.names:
        raise ModelError(
            f"{folder / 'config.json'} has other labels than {prepared / 'labels.json'}",
            "the model was trained on other data: type `dvc repro`",
        )


def predict(
    model: PreTrainedModel,
    documents: Documents,
    batch_tokens: int,
    runtime: Runtime,
    read: Callable[[Tensor, Tensor], T],
) -> Iterator[tuple[NDArray[np.int64], T]]:
    """Yield indices of documents, and what is read off their logits.

    Args:
        model: on the runtime's device.
        documents: what to predict.
        batch_tokens: most tokens of a batch, padding counted; one document may hold more.
        runtime: device and precision.
        read: from the logits of some documents and their labels, int64 [documents, tokens], to
            what is kept of them, on no GPU.

    Raises:
        ModelError: a logit is not finite.
    """
    import torch

    def predicted(chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], T]:
        batch = pad([documents[int(index)] for index in chosen])
        labels = batch.pop("labels").to(runtime.device)
        with torch.inference_mode(), runtime.autocast():
            inputs = {key: value.to(runtime.device) for key, value in batch.items()}
            logits = model(**inputs).logits.float()
        if not torch.isfinite(logits).all():
            raise ModelError(
                "the model gives test documents no finite score",
                "the training diverged: lower train.learning_rate",
            )
        return chosen, read(logits, labels)

    batches = _batches(np.diff(documents.split.offsets), batch_tokens)
    disable = processes.silence()
    with tqdm(total=len(documents), desc="model", unit=" documents", disable=disable) as bar:
        for chosen, kept in processes.share(batches, predicted):
            yield chosen, kept
            bar.update(len(chosen))


def _batches(lengths: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    # Documents of about one length share a batch.
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        full = end == len(order) or (end + 1 - start) * lengths[order[end]] > most
        if full:
            yield order[start:end]
            start = end
