"""The last map of prepare: cleaned texts in, token arrays out."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.encoding import Encoder
from stemma.corpus.packing import TokenWriter, merge_parts
from stemma.corpus.pool import Pool
from stemma.corpus.progress import Progress
from stemma.corpus.shard import Placed
from stemma.corpus.split import SPLITS, TRAIN

_TRAIN = SPLITS.index(TRAIN)


def train_texts(placed: Sequence[Placed]) -> Iterator[str]:
    """Yield the texts of train, from which a tokenizer learns."""
    for one in placed:
        for texts, sides in one.read():
            yield from (text for text, side in zip(texts, sides, strict=True) if side == _TRAIN)


@dataclasses.dataclass(frozen=True)
class _Tokenise:
    """Encodes the kept documents of a shard; pickles as little more than a path."""

    encoder: Encoder

    def __call__(self, placed: Placed) -> NDArray[np.int64]:
        """Return the number of tokens of each document, its end included; 0 if dropped."""
        counts = np.zeros(len(placed.sides), np.int64)
        placed.shard.tokens.mkdir()
        start = 0
        with contextlib.ExitStack() as stack:
            writers = [
                stack.enter_context(
                    TokenWriter(
                        placed.shard.tokens, split, self.encoder.size, self.encoder.end_of_text
                    )
                )
                for split in SPLITS
            ]
            for texts, sides in placed.read():
                for number, writer in enumerate(writers):
                    chosen = np.flatnonzero(sides == number)
                    ids = self.encoder.encode_batch([texts[index] for index in chosen])
                    writer.append(ids)
                    counts[start + chosen] = [len(document) + 1 for document in ids]
                start += len(texts)
        return counts


def tokenise(
    pool: Pool, placed: Sequence[Placed], encoder: Encoder, folder: Path, progress: Progress
) -> list[NDArray[np.int64]]:
    """Encode every kept document and write the token arrays of each split into ``folder``.

    Returns:
        For each shard the number of tokens of each document that cleaning kept; 0 if dropped since.
    """
    counts = list(progress(pool.map(_Tokenise(encoder), placed), "tokenise"))
    for split in SPLITS:
        merge_parts([one.shard.tokens for one in placed], folder, split)
    return counts
