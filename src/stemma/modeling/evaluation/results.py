"""The files that evaluate leaves behind, as DVC and people read them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stemma.files import atomic_directory, atomic_file, write_json
from stemma.layout import EVALUATION, METRICS, REPORTS
from stemma.modeling.evaluation.heldout import Predicted
from stemma.modeling.evaluation.intervals import Tally
from stemma.modeling.evaluation.settings import Measured

_DIGITS = 4
# Every plot that dvc.yaml names, and its columns. Of what a task does not measure the table is
# empty: DVC draws nothing then, and of a table that is not there it says that it cannot load it.
_POSITIONS = ("position", "tokens")
_PLOTS = {
    "confusion.csv": ("actual", "predicted"),
    "gap_loss_by_position.csv": (*_POSITIONS, "unigram", "model"),
    "loss_by_position.csv": (*_POSITIONS, "unigram", "bigram", "trigram", "model"),
}


def write(measured: Measured) -> None:
    """Write reports/: metrics.json, examples.parquet, samples.md and the plots of evaluation."""
    table = measured.table
    columns = list(table["model"])
    rows = [[name, *(row.get(column) for column in columns)] for name, row in table.items()]
    with atomic_directory(EVALUATION) as folder:
        _write_csv(folder / "baselines.csv", [["model", *columns], *rows])
        for name, columns in _PLOTS.items():
            _write_csv(folder / name, measured.plots.get(name, [columns]))
    with atomic_file(REPORTS / "examples.parquet") as handle:
        pq.write_table(pa.table(measured.examples), handle, compression="zstd")
    with atomic_file(REPORTS / "samples.md", "w") as handle:
        handle.write(measured.samples)
    baselines = {name: dict(row) for name, row in table.items() if name != "model"}
    windows = {} if measured.windows is None else {"windows": measured.windows}
    write_json(METRICS, {**table["model"], "baselines": baselines, **windows, **measured.counts})


def counts(predicted: Predicted) -> dict[str, int]:
    """Return how much of what was measured on; ``not_restored`` is there where it is not 0."""
    lost = {"not_restored": predicted.not_restored} if predicted.not_restored else {}
    return {
        "documents": len(predicted.ids),
        "tokens": int(predicted.lengths.sum()),
        "bytes": int(predicted.sizes.sum()),
        **lost,
    }


def positions(tallies: Mapping[str, Tally]) -> list[list[Any]]:
    """Return the loss in nats per token by distance from the document's start, as rows.

    A row holds the tokens from ``position`` (counted from 1) to just before twice that; a model
    that uses what it has read gets better from row to row.
    """
    counts = tallies["model"].position_tokens
    doublings = int(np.flatnonzero(counts)[-1]) + 1
    return [[*_POSITIONS, *tallies]] + [
        [
            2**index,
            int(counts[index]),
            *(
                round(float(tally.position_loss[index] / counts[index]), _DIGITS)
                for tally in tallies.values()
            ),
        ]
        for index in range(doublings)
    ]


def examples(predicted: Predicted, tally: Tally) -> dict[str, Any]:
    """Return one row per example, by columns.

    Columns: id, tokens, bytes, loss (sum over the tokens, in nats), correct (tokens that were the
    first guess), top5 (tokens among the first five guesses).
    """
    return {
        "id": predicted.ids,
        "tokens": predicted.lengths,
        "bytes": predicted.sizes,
        "loss": tally.loss,
        "correct": tally.top1,
        "top5": tally.top5,
    }


def _write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    with atomic_file(path, "w") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
