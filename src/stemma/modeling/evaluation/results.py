"""Write the files of the evaluate stage: metrics, examples, samples, reference and plots."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.files import atomic_directory, atomic_file, write_json
from stemma.layout import EVALUATION, METRICS, REPORTS
from stemma.modeling.evaluation import reference_table
from stemma.modeling.evaluation.heldout import Predicted
from stemma.modeling.evaluation.settings import Evaluation

POSITIONS = ("position", "tokens")
"""The first columns of a table of losses by position."""
# Every plot that dvc.yaml names, and its columns. The table of something that a task does not
# measure is empty: DVC then draws nothing, whereas it complains about a missing file.
_PLOTS = {
    "confusion.csv": ("actual", "predicted"),
    "gap_loss_by_position.csv": (*POSITIONS, "unigram", "model"),
    "loss_by_position.csv": (*POSITIONS, "unigram", "bigram", "trigram", "model"),
}


def write(found: Evaluation) -> None:
    """Write reports/: metrics.json, examples.parquet, samples.md, reference.parquet and plots."""
    table = found.table
    columns = list(table["model"])
    rows = [[name, *(row.get(column) for column in columns)] for name, row in table.items()]
    with atomic_directory(EVALUATION) as folder:
        _write_csv(folder / "baselines.csv", [["model", *columns], *rows])
        for name, columns in _PLOTS.items():
            _write_csv(folder / name, found.plots.get(name, [columns]))
    with atomic_file(REPORTS / "examples.parquet") as handle:
        pq.write_table(pa.table(found.examples), handle, compression="zstd")
    with atomic_file(REPORTS / "samples.md", "w") as handle:
        handle.write(found.samples)
    reference_table.write(found.reference)
    baselines = {name: dict(row) for name, row in table.items() if name != "model"}
    windows = {} if found.windows is None else {"windows": found.windows}
    write_json(METRICS, {**table["model"], "baselines": baselines, **windows, **found.counts})


def counts(predicted: Predicted) -> dict[str, int]:
    """Return how much was measured; the key ``not_restored`` is there only if it is not 0."""
    lost = {"not_restored": predicted.not_restored} if predicted.not_restored else {}
    return {
        "documents": len(predicted.ids),
        "tokens": int(predicted.lengths.sum()),
        "bytes": int(predicted.sizes.sum()),
        **lost,
    }


def _write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    with atomic_file(path, "w") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
