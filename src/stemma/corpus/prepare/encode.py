"""The last step of prepare: turn cleaned documents into token arrays."""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.packing import LabelWriter, TokenWriter, merge_labels, merge_parts
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.progress import ProgressBars
from stemma.corpus.sharding.shard import Placed
from stemma.corpus.split import SPLITS, TRAIN
from stemma.corpus.task import LABELS, Encoded, Encoding, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.files import write_json

_TRAIN = SPLITS.index(TRAIN)


@dataclasses.dataclass
class Tokenised:
    """What became of the documents of a shard that cleaning kept.

    Attributes:
        tokens: int64, stored tokens of each document; 0 if it was dropped.
        reasons: why the task dropped a document, by index.
        truncated: how many documents were cut.
        unknown: tokens of the kept texts that stand for something the vocabulary lacks, by split.
        not_restored: how many kept texts do not come back from their tokens, by split.
    """

    tokens: NDArray[np.int64]
    reasons: dict[int, str]
    truncated: int
    unknown: Counter[str]
    not_restored: Counter[str]


def train_texts(placed: Sequence[Placed]) -> Iterator[str]:
    """Yield the texts of train, from which the tokenizer is trained."""
    for one in placed:
        for texts, sides in one.read():
            yield from (text for text, side in zip(texts, sides, strict=True) if side == _TRAIN)


@dataclasses.dataclass(frozen=True)
class _Names:
    """Collects the names of the labels in the training documents of a shard."""

    encoding: Encoding

    def __call__(self, placed: Placed) -> set[str]:
        return {
            name
            for examples, sides in placed.examples()
            for example, side in zip(examples, sides, strict=True)
            if side == _TRAIN
            for name in self.encoding.names(example)
        }


@dataclasses.dataclass(frozen=True)
class _Tokenise:
    """Encodes the kept documents of a shard; when pickled it is little more than a path."""

    encoder: Encoder
    encoding: Encoding
    names: list[str]

    def __call__(self, placed: Placed) -> Tokenised:
        """Write the arrays of the shard."""
        made = Tokenised(np.zeros(len(placed.sides), np.int64), {}, 0, Counter(), Counter())
        start = 0
        placed.shard.tokens.mkdir()
        with contextlib.ExitStack() as stack:
            writers = [self._open(stack, placed.shard.tokens, split) for split in SPLITS]
            for examples, sides in placed.examples():
                for number, writer in enumerate(writers):
                    chosen = np.flatnonzero(sides == number)
                    some = [examples[index] for index in chosen]
                    encoded = self.encoding.encode(some, self.encoder, self.names)
                    kept: dict[int, Encoded] = {}
                    for index, example, one in zip(chosen.tolist(), some, encoded, strict=True):
                        if isinstance(one, str):
                            made.reasons[start + index] = one
                        else:
                            kept[start + index] = one
                            self._compare(example, one, SPLITS[number], made)
                    made.tokens[list(kept)] = self._write(list(kept.values()), *writer)
                    made.truncated += sum(one.truncated for one in kept.values())
                start += len(sides)
        return made

    def _compare(self, example: Example, one: Encoded, split: str, made: Tokenised) -> None:
        """Count what is lost when a document's text becomes tokens."""
        # A task with labels has encoded parts of the text, and put tokens of its own between them.
        ids = one.ids if one.labels is None else self.encoder.encode_batch([example.text])[0]
        made.unknown[split] += int(np.count_nonzero(ids == self.encoder.unknown))
        made.not_restored[split] += not self.encoder.restores(example.text, ids)

    def _open(
        self, stack: contextlib.ExitStack, folder: Path, split: str
    ) -> tuple[TokenWriter, LabelWriter | None]:
        labelled = self.encoding.labelled
        end = None if labelled else self.encoder.end_of_text
        tokens = stack.enter_context(TokenWriter(folder, split, self.encoder.size, end))
        return tokens, stack.enter_context(LabelWriter(folder, split)) if labelled else None

    def _write(
        self, made: list[Encoded], tokens: TokenWriter, labels: LabelWriter | None
    ) -> list[int]:
        tokens.append([one.ids for one in made])
        if labels is None:
            return [len(one.ids) + 1 for one in made]
        labels.append([one.labels for one in made if one.labels is not None])
        return [len(one.ids) for one in made]


def tokenise(
    pool: Pool,
    placed: Sequence[Placed],
    encoder: Encoder,
    encoding: Encoding,
    folder: Path,
    progress: ProgressBars,
) -> list[Tokenised]:
    """Encode every kept document and write the arrays of each split into ``folder``.

    It also writes labels.json, the sorted names of the labels in train, if labels have names.

    Returns:
        What became of the documents of each shard.

    Raises:
        DataError: a document is refused, or lacks what the task learns from.
    """
    names = sorted(set().union(*pool.map(_Names(encoding), placed))) if encoding.labelled else []
    if names:
        write_json(folder / LABELS, names)
    work = _Tokenise(encoder, encoding, names)
    made = list(progress(pool.map(work, placed), "tokenise"))
    parts = [one.shard.tokens for one in placed]
    for split in SPLITS:
        merge_parts(parts, folder, split)
        if encoding.labelled:
            merge_labels(parts, folder, split)
    return made
