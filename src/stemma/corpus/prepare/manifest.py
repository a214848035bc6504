"""manifest.parquet: a row for every raw document, which says what became of it and why."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stemma.corpus.duplicates.clusters import REASONS
from stemma.corpus.manifest import SCHEMA
from stemma.corpus.prepare.encode import Tokenised
from stemma.corpus.sharding.shard import DROPPED, Placed
from stemma.corpus.split import PREFERENCE, SPLITS, TRAIN


@dataclasses.dataclass(frozen=True)
class Fate:
    """What became of the documents of a shard that cleaning kept.

    Attributes:
        placed: the shard, and the sides of its documents.
        verdicts: int8, an index into REASONS for each document.
        clusters: uint64 [documents, 4], the SHA-256 of the text that represents its duplicates.
        tokens: the result of encoding them.
    """

    placed: Placed
    verdicts: NDArray[np.int8]
    clusters: NDArray[np.uint64]
    tokens: Tokenised


@dataclasses.dataclass
class Tally:
    """Sums over the manifest, for the report."""

    documents: Counter[str] = dataclasses.field(default_factory=Counter)
    dropped: dict[str, Counter[str]] = dataclasses.field(default_factory=dict)
    languages: Counter[str] = dataclasses.field(default_factory=Counter)
    splits: dict[str, Counter[str]] = dataclasses.field(
        default_factory=lambda: {split: Counter() for split in SPLITS}
    )
    kept: dict[str, Counter[str]] = dataclasses.field(default_factory=dict)
    truncated: int = 0
    unknown: Counter[str] = dataclasses.field(default_factory=Counter)
    not_restored: Counter[str] = dataclasses.field(default_factory=Counter)

    def add(self, row: dict) -> None:
        """Count one row of the manifest."""
        source = row["source"]
        self.documents[source] += 1
        if row["reason"] is not None:
            self.dropped.setdefault(row["reason"], Counter())[source] += 1
            return
        self.languages[row["language"] or "unknown"] += 1
        sizes = {"documents": 1, "bytes": row["bytes"], "tokens": row["tokens"]}
        self.splits[row["split"]].update(sizes)
        self.kept.setdefault(source, Counter()).update(sizes)


def write_manifest(path: Path, fates: Iterable[Fate]) -> Tally:
    """Write the manifest, in the order of data/raw, and return its sums."""
    tally = Tally()
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for fate in fates:
            tally.truncated += fate.tokens.truncated
            tally.unknown.update(fate.tokens.unknown)
            tally.not_restored.update(fate.tokens.not_restored)
            ends = _ends(fate)
            with pq.ParquetFile(fate.placed.shard.rows) as file:
                for index in range(file.num_row_groups):
                    rows = file.read_row_group(index).to_pylist()
                    for row in rows:
                        row.update(next(ends) if row["reason"] is None else _NEVER_PLACED)
                        tally.add(row)
                    writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
    return tally


_NEVER_PLACED = {"split": None, "tokens": None, "cluster": None}


def _ends(fate: Fate) -> Iterator[dict]:
    columns = zip(
        fate.placed.sides.tolist(),
        fate.verdicts.tolist(),
        fate.clusters.astype(">u8"),
        fate.tokens.tokens.tolist(),
        strict=True,
    )
    for index, (side, verdict, cluster, tokens) in enumerate(columns):
        reason = fate.tokens.reasons.get(index) or REASONS[verdict]
        kept = side != DROPPED and reason is None
        yield {
            "split": _split_of(side) if kept else None,
            "tokens": tokens if kept else None,
            "reason": reason,
            "cluster": cluster.tobytes().hex(),
        }


def _split_of(side: int) -> str:
    return TRAIN if side == PREFERENCE else SPLITS[side]
