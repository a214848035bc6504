"""What a classifier of documents or of tokens makes of a split, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stemma.errors import ModelError
from stemma.modeling.evaluation.heldout import HeldOut, check_vocabulary
from stemma.modeling.examples.documents import Documents, pad
from stemma.modeling.runtime import Runtime

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def check_classifier(
    model: PreTrainedModel, folder: Path, prepared: Path, names: list[str], test: HeldOut
) -> None:
    """Refuse a model that does not give each of these labels a probability.

    Args:
        model: what is to be measured.
        folder: with its tokenizer.
        prepared: data/prepared.
        names: of the labels, in the order of their ids.
        test: what it is to be measured on.

    Raises:
        DataError: the tokenizer is missing or torn, or the tokens are not in its vocabulary.
        ModelError: it has other labels or another vocabulary.
    """
    check_vocabulary(test, prepared, folder, model.config.vocab_size)
    known: dict[Any, str] = model.config.id2label or {}
    if [name for _, name in sorted(known.items())] != names:
        raise ModelError(
            f"{folder / 'config.json'} has other labels than {prepared / 'labels.json'}",
            "the model was trained on other data: type `dvc repro`",
        )


def predict(
    model: PreTrainedModel, documents: Documents, batch_tokens: int, runtime: Runtime
) -> Iterator[tuple[NDArray[np.int64], Tensor, Tensor]]:
    """Yield which documents, their logits and their labels, int64 [documents, tokens].

    Args:
        model: on the runtime's device.
        documents: in whose order the documents are numbered.
        batch_tokens: most tokens of a batch, padding counted; a longer document is one.
        runtime: device and precision.
    """
    import torch

    with tqdm(total=len(documents), desc="model", unit=" documents", disable=None) as bar:
        for chosen in _batches(np.diff(documents.split.offsets), batch_tokens):
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
            yield chosen, logits, labels
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
