"""A raw shard on its way through prepare: the files that the maps leave for one another."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

TEXTS = pa.schema([pa.field("text", pa.large_string(), nullable=False)])
DROPPED = -1


@dataclasses.dataclass(frozen=True)
class Shard:
    """One raw shard and where the work on it stands.

    Attributes:
        raw: the Parquet file of documents.
        work: the folder for what the maps leave, one file of each kind per shard.
    """

    raw: Path
    work: Path

    @property
    def rows(self) -> Path:
        """Parquet, a row for every raw document; the reason is null if cleaning kept it."""
        return self.work / f"rows-{self.raw.name}"

    @property
    def texts(self) -> Path:
        """Parquet, the cleaned text of every document that cleaning kept."""
        return self.work / f"texts-{self.raw.name}"

    @property
    def fingerprints(self) -> Path:
        """The fingerprints of every document that cleaning kept."""
        return self.work / f"fingerprints-{self.raw.stem}.npz"

    @property
    def held_out(self) -> Path:
        """The sorted n-grams of the held-out documents."""
        return self.work / f"held-out-{self.raw.stem}.npy"

    @property
    def tokens(self) -> Path:
        """A folder with the token arrays of each split."""
        return self.work / f"tokens-{self.raw.stem}"


@dataclasses.dataclass(frozen=True)
class Placed:
    """A cleaned shard and where its documents fall.

    Attributes:
        shard: the shard.
        sides: int8, one per document that cleaning kept: an index into SPLITS, or DROPPED.
    """

    shard: Shard
    sides: NDArray[np.int8]

    def read(self) -> Iterator[tuple[list[str], NDArray[np.int8]]]:
        """Yield the cleaned texts and their sides, a row group at a time."""
        start = 0
        with pq.ParquetFile(self.shard.texts) as file:
            for index in range(file.num_row_groups):
                texts = file.read_row_group(index)["text"].to_pylist()
                yield texts, self.sides[start : start + len(texts)]
                start += len(texts)
