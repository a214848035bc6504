"""Training documents that count several times: copies of their tokens, behind all others.

They come last and round by round, so that a copy stands far from the one before it, and the first
documents of the split are still those of the manifest, in its order.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from stemma.corpus.packing import (
    LabelWriter,
    TokenWriter,
    merge_labels,
    merge_parts,
    read_labels,
    read_split,
)
from stemma.corpus.preferences import NAME as PREFERENCES
from stemma.corpus.settings import UpsampleSettings
from stemma.corpus.split import TRAIN
from stemma.files import read_json


def upsample(
    folder: Path, work: Path, settings: UpsampleSettings, vocabulary: int, labelled: bool
) -> None:
    """Write copies of some training documents into the arrays of the training split.

    Args:
        folder: of the prepared data, with its manifest.
        work: an empty folder for intermediate files.
        settings: which documents, and how often each is to stand there.
        vocabulary: number of token ids.
        labelled: whether tokens have labels.
    """
    if settings.times == 1 or not settings.ids:
        return
    rows = pq.read_table(folder / "manifest.parquet", columns=["id", "split"]).to_pylist()
    # Preferences are trained on too, but stand in arrays of their own.
    path = folder / f"{PREFERENCES}.json"
    beside = set(read_json(path)) if path.exists() else set()
    ids = [row["id"] for row in rows if row["split"] == TRAIN and row["id"] not in beside]
    chosen = copied(ids, settings)
    if not chosen:
        return
    own, copies = work / "own", work / "copies"
    for one in (own, copies):
        one.mkdir(parents=True)
    _write(folder, copies, chosen, vocabulary, labelled)
    for path in folder.glob(f"{TRAIN}.*.npy"):
        path.rename(own / path.name)
    merge_parts([own, copies], folder, TRAIN)
    if labelled:
        merge_labels([own, copies], folder, TRAIN)


def copied(ids: Sequence[str], settings: UpsampleSettings) -> list[int]:
    """Return which documents stand behind those of the manifest, by their places in it.

    Args:
        ids: of the documents of the training split, in its order.
        settings: which of them, and how often each is to stand there.
    """
    found = [
        place
        for place, name in enumerate(ids)
        if any(fnmatchcase(name, pattern) for pattern in settings.ids)
    ]
    return found * (settings.times - 1)


def _write(folder: Path, copies: Path, chosen: list[int], vocabulary: int, labelled: bool) -> None:
    split = read_split(folder, TRAIN)
    ranges = [(int(split.offsets[one]), int(split.offsets[one + 1])) for one in chosen]
    # The end-of-text ids are among the tokens already.
    with TokenWriter(copies, TRAIN, vocabulary, None) as writer:
        for start, end in ranges:
            writer.append([np.asarray(split.tokens[start:end])])
    if labelled:
        labels = read_labels(folder, TRAIN)
        with LabelWriter(copies, TRAIN) as writer:
            for start, end in ranges:
                writer.append([np.asarray(labels[start:end])])
