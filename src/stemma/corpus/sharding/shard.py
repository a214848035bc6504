"""A raw shard on its way through prepare: the intermediate files of the steps."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stemma.corpus.documents import PARTS, parts_of
from stemma.corpus.task import Example

TEXTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("parts", PARTS, nullable=False),
    ]
)
DROPPED = -1


@dataclasses.dataclass(frozen=True)
class Shard:
    """A raw shard and its intermediate files.

    Attributes:
        raw: the Parquet file of documents.
        work: the folder of the intermediate files, one of each kind per shard.
    """

    raw: Path
    work: Path

    @property
    def rows(self) -> Path:
        """Parquet with a row for every raw document; the reason is null if cleaning kept it."""
        return self.work / f"rows-{self.raw.name}"

    @property
    def texts(self) -> Path:
        """Parquet with an example for every document that cleaning kept."""
        return self.work / f"texts-{self.raw.name}"

    @property
    def shingles(self) -> Path:
        """The sorted shingles of the documents that are counted for boilerplate."""
        return self.work / f"shingles-{self.raw.stem}.npy"

    @property
    def signatures(self) -> Path:
        """The signatures of every document that cleaning kept."""
        return self.work / f"signatures-{self.raw.stem}.npz"

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
    """A cleaned shard and the sides of the split that its documents are on.

    Attributes:
        shard: the shard.
        sides: int8, one per document that cleaning kept: an index into SPLITS, or DROPPED.
    """

    shard: Shard
    sides: NDArray[np.int8]

    def read(self) -> Iterator[tuple[list[str], NDArray[np.int8]]]:
        """Yield the cleaned texts and their sides, a row group at a time."""
        for rows, sides in self._read(["text"]):
            yield rows["text"].to_pylist(), sides

    def examples(self) -> Iterator[tuple[list[Example], NDArray[np.int8]]]:
        """Yield the documents as tasks see them, and their sides, a row group at a time."""
        for rows, sides in self._read(TEXTS.names):
            yield [_example(row) for row in rows.to_pylist()], sides

    def _read(self, columns: list[str]) -> Iterator[tuple[pa.Table, NDArray[np.int8]]]:
        start = 0
        with pq.ParquetFile(self.shard.texts) as file:
            for index in range(file.num_row_groups):
                rows = file.read_row_group(index, columns)
                yield rows, self.sides[start : start + len(rows)]
                start += len(rows)


def _example(row: dict[str, Any]) -> Example:
    return Example(row["id"], row["text"], row["label"], parts_of(row["parts"]))
