"""How much of the held-out documents is also in train, measured by word n-grams.

After GPT-3 (Brown et al. 2020, appendix C), which compares n-grams of 13 words. Of each document,
only what it does not share with many others is compared, see `boilerplate`. The held-out n-grams
are one sorted array on disk; train is streamed past it, shard by shard.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.cleaning.words import Hashes, distinct, ngrams
from stemma.corpus.duplicates.boilerplate import Boilerplate
from stemma.corpus.duplicates.sorted_arrays import merge
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.progress import ProgressBars
from stemma.corpus.sharding.shard import Placed
from stemma.corpus.split import PREFERENCE, SPLITS, TRAIN
from stemma.corpus.task import Example

_TRAIN = SPLITS.index(TRAIN)
HELD_OUT = "held-out"
"""The file of the distinct n-grams of the held-out documents, raw and sorted."""


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How much of the held-out documents train has too.

    Attributes:
        seen: int64 [documents], how many n-grams of each document are also in train.
        total: int64 [documents], how many it has; both are 0 unless the document is held out.
    """

    seen: NDArray[np.int64]
    total: NDArray[np.int64]

    @property
    def share(self) -> NDArray[np.float64]:
        """The fraction of each document's n-grams that are also in train; 0 if it has none."""
        return self.seen / np.maximum(1, self.total)


@dataclasses.dataclass(frozen=True)
class _Index:
    """The distinct held-out n-grams, raw and sorted on disk, so that processes share them."""

    path: Path
    n: int
    boilerplate: Boilerplate

    def load(self) -> Hashes:
        if not self.path.stat().st_size:
            return np.empty(0, np.uint64)
        return np.memmap(self.path, np.uint64, "r")

    def find(self, placed: Placed) -> NDArray[np.int64]:
        """Return the positions of the n-grams that the shard's train documents hold."""
        index = self.load()
        seen = np.zeros(len(index), np.bool_)
        for examples, sides in placed.examples():
            train = [one for one, side in zip(examples, sides, strict=True) if side == _TRAIN]
            # Sorted look-ups walk through the index once, instead of jumping about in it.
            asked = _distinct([self.ngrams(one) for one in train])
            place = np.searchsorted(index, asked)
            within = place < len(index)
            place, asked = place[within], asked[within]
            seen[place[index[place] == asked]] = True
        return np.flatnonzero(seen)

    def gather(self, placed: Placed) -> None:
        """Write the distinct n-grams of the shard's held-out documents."""
        np.save(placed.shard.held_out, _distinct([some for _, some in self.held_out(placed)]))

    def held_out(self, placed: Placed) -> Iterator[tuple[int, Hashes]]:
        """Yield the number of each held-out document of the shard, and its n-grams."""
        number = 0
        for examples, sides in placed.examples():
            for example, side in zip(examples, sides.tolist(), strict=True):
                if _TRAIN < side < PREFERENCE:
                    yield number, self.ngrams(example)
                number += 1

    def ngrams(self, example: Example) -> Hashes:
        """Hash the n-grams of a document's own words."""
        return ngrams(self.boilerplate.own(example), self.n)


@dataclasses.dataclass(frozen=True)
class _Measure:
    """Looks up held-out documents among the n-grams of train."""

    index: _Index
    seen: Path

    def __call__(self, placed: Placed) -> Overlap:
        index = self.index.load()
        seen = np.load(self.seen, mmap_mode="r") if len(index) else np.empty(0, np.bool_)
        found, total = np.zeros((2, len(placed.sides)), np.int64)
        for number, hashes in self.index.held_out(placed):
            total[number] = len(hashes)
            found[number] = seen[np.searchsorted(index, hashes)].sum()
        return Overlap(found, total)


def measure_overlap(
    pool: Pool,
    placed: Sequence[Placed],
    n: int,
    boilerplate: Boilerplate,
    work: Path,
    progress: ProgressBars,
) -> Overlap:
    """Count, for each held-out document, its n-grams and those of them that are also in train."""
    index = _Index(work / HELD_OUT, n, boilerplate)
    for _ in progress(pool.map(index.gather, placed), "held-out n-grams"):
        pass
    with index.path.open("wb") as handle:
        for values in merge([one.shard.held_out for one in placed]):
            handle.write(distinct(values).data)
    seen = np.zeros(index.path.stat().st_size // 8, np.bool_)
    for places in progress(pool.map(index.find, placed), "n-grams of train"):
        seen[places] = True
    path = work / "held-out-seen.npy"
    np.save(path, seen)
    parts = list(progress(pool.map(_Measure(index, path), placed), "contamination"))
    return Overlap(
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.total for part in parts]),
    )


def _distinct(parts: list[Hashes]) -> Hashes:
    return distinct(np.concatenate(parts)) if parts else np.empty(0, np.uint64)
