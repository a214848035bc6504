"""The files that evaluate leaves behind, as DVC and people read them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stemma.files import atomic_file
from stemma.modeling.heldout import HeldOut
from stemma.modeling.intervals import Tally

_DIGITS = 4


def metrics(table: Mapping[str, Mapping[str, float]], held_out: HeldOut) -> dict[str, Any]:
    """Return what metrics.json holds: the model's figures, the baselines' below them, and counts.

    Args:
        table: figures by model; ``model`` is ours, the others are baselines.
        held_out: what they were measured on.
    """
    return {
        **table["model"],
        "baselines": {name: dict(row) for name, row in table.items() if name != "model"},
        "documents": len(held_out.ids),
        "tokens": len(held_out.split.tokens),
        "bytes": int(held_out.sizes.sum()),
    }


def write_table(path: Path, table: Mapping[str, Mapping[str, float]]) -> None:
    """Write the figures as CSV, one row per model."""
    columns = list(table["model"])
    rows = ([name, *(row[column] for column in columns)] for name, row in table.items())
    _write_csv(path, ["model", *columns], rows)


def write_positions(path: Path, tallies: Mapping[str, Tally]) -> None:
    """Write the loss in nats per token by distance from the document's start, as CSV.

    A row holds the tokens from ``position`` (counted from 1) to just before twice that; a model
    that uses what it has read gets better from row to row.
    """
    counts = tallies["model"].position_tokens
    doublings = int(np.flatnonzero(counts)[-1]) + 1
    rows = (
        [
            2**index,
            int(counts[index]),
            *(
                round(float(tally.position_loss[index] / counts[index]), _DIGITS)
                for tally in tallies.values()
            ),
        ]
        for index in range(doublings)
    )
    _write_csv(path, ["position", "tokens", *tallies], rows)


def write_examples(path: Path, held_out: HeldOut, tally: Tally) -> None:
    """Write one row per document, as Parquet.

    Columns: id, tokens, bytes, loss (sum over the tokens, in nats), correct (tokens that were the
    first guess), top5 (tokens among the first five guesses).
    """
    columns = {
        "id": held_out.ids,
        "tokens": held_out.lengths,
        "bytes": held_out.sizes,
        "loss": tally.loss,
        "correct": tally.top1,
        "top5": tally.top5,
    }
    with atomic_file(path) as handle:
        pq.write_table(pa.table(columns), handle, compression="zstd")


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_file(path, "w") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
