"""Batches of sources and targets, for models that have an encoder and a decoder."""

from collections.abc import Sequence

from stemma.corpus.task import IGNORED
from stemma.modeling.examples.documents import pad
from stemma.modeling.task import Batch


def pad_pairs(examples: Sequence[Batch]) -> Batch:
    """Return documents, each a source and then a target that has labels, as one batch.

    Returns:
        ``input_ids`` and ``attention_mask`` of the sources, [examples, longest source], and
        ``labels``, [examples, longest target]; all int64.
    """
    return pad([_parted(example) for example in examples])


def _parted(example: Batch) -> Batch:
    target = example["labels"] != IGNORED
    return {
        **example,
        "input_ids": example["input_ids"][~target],
        "labels": example["labels"][target],
    }
