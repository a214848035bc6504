"""A callback for transformers' Trainer: metrics, curves, results by example, and the documents."""

import csv
import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainingArguments

from stemma.files import atomic_file, write_json
from stemma.report.documents import manifest
from stemma.report.likelihood import scores
from stemma.report.results import examples

# What a second run of the same would not have.
_PASSING = ("_runtime", "_per_second", "_time", "total_flos")


class StemmaCallback(TrainerCallback):
    """Writes what Stemma and DVC read, in files that are the same for the same training.

    | file | what |
    |---|---|
    | ``reports/metrics.json`` | the evaluation of the weights that the Trainer ends with |
    | ``reports/curves/train.csv``, ``eval.csv`` | a row per step that was logged |
    | ``reports/examples.parquet`` | a row per example of the eval data set |
    | ``data/documents/manifest.parquet`` | with ``documents``: what was trained and tested on |

    Times and speeds are left out of all of them. A resumed run writes what a run in one piece does.

    Args:
        reports: folder of the reports.
        documents: by split, as `stemma.report.manifest` takes them.
        manifest: folder of the manifest.
        text: the key of a document's text, or what makes it, likewise.
        ids: of the examples, in the order of the eval data set; by default the first digits of the
            hash of their tokens, so that another order or other neighbours change none.
    """

    def __init__(
        self,
        reports: str | Path = "reports",
        *,
        documents: Mapping[str, Iterable[Any]] | None = None,
        manifest: str | Path = "data/documents",
        text: Any = "text",
        ids: Sequence[Any] | None = None,
    ) -> None:
        self._reports = Path(reports)
        self._documents, self._manifest, self._text = documents, Path(manifest), text
        self._ids = ids
        self._training = False

    def on_train_begin(
        self, args: TrainingArguments, state: Any, control: Any, **given: Any
    ) -> None:
        """Write the manifest of the documents.

        Raises:
            DataError: as `stemma.report.manifest` says.
        """
        self._training = True
        if self._documents is not None and state.is_world_process_zero:
            manifest(
                self._manifest, self._documents, text=self._text,
                tokens=_counting(given.get("processing_class")),
            )  # fmt: skip

    def on_log(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Write the curves anew, from the history that a checkpoint keeps too."""
        if state.is_world_process_zero:
            for name, rows in _curves(state.log_history).items():
                with atomic_file(self._reports / "curves" / f"{name}.csv", "w") as handle:
                    handle.write(_table(rows))

    def on_evaluate(
        self, args: TrainingArguments, state: Any, control: Any, metrics: Any = None, **given: Any
    ) -> None:
        """Write metrics and results of an evaluation that was asked for after training."""
        if not self._training and state.is_world_process_zero:
            self._write(args, state, metrics or {}, given)

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, **given: Any) -> None:
        """Write the metrics and the results by example of the weights that training ends with."""
        self._training = False
        if state.is_world_process_zero:
            self._write(args, state, _last_of(args, state), given)

    def _write(
        self, args: TrainingArguments, state: Any, found: Mapping[str, Any], given: dict[str, Any]
    ) -> None:
        trained = [entry for entry in state.log_history if "train_loss" in entry]
        known = {**found, **({"train_loss": trained[-1]["train_loss"]} if trained else {})}
        metrics = {name: value for name, value in known.items() if _lasting(name)}
        write_json(self._reports / "metrics.json", metrics)
        batches = given.get("eval_dataloader")
        if batches is None:
            return
        if args.world_size > 1:
            # Each process has a part of the data set alone.
            warnings.warn("results by example are written by one process only", stacklevel=2)
            return
        ids, columns = scores(given["model"], batches)
        examples(self._reports / "examples.parquet", self._ids or ids, **columns)


def _counting(tokenizer: Any) -> Callable[[str], int] | None:
    # The Trainer may have none, or something that reads pictures.
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        return None
    return lambda text: len(tokenizer(text, verbose=False)["input_ids"])


def _last_of(args: TrainingArguments, state: Any) -> dict[str, Any]:
    """Return the evaluation, from the history, of the weights that training ends with."""
    found = [entry for entry in state.log_history if _is_evaluation(entry)]
    if args.load_best_model_at_end and state.best_global_step:
        found = [entry for entry in found if entry["step"] == state.best_global_step]
    return found[-1] if found else {}


def _curves(history: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    curves: dict[str, list[dict[str, Any]]] = {}
    for entry in history:
        if "train_loss" not in entry:
            kind = "eval" if _is_evaluation(entry) else "train"
            values = {key: value for key, value in entry.items() if _lasting(key)}
            curves.setdefault(kind, []).append({"step": entry["step"], **values})
    return curves


def _is_evaluation(entry: Mapping[str, Any]) -> bool:
    return any(key.startswith("eval_") for key in entry)


def _lasting(name: str) -> bool:
    return name not in ("step", "epoch") and not name.endswith(_PASSING)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    # A history that comes from a checkpoint has its names in another order.
    names = sorted({name for row in rows for name in row} - {"step"})
    written = io.StringIO()
    writer = csv.DictWriter(written, ["step", *names], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()
