"""The loss of every held-out example as training goes: what paired tests of two runs compare.

``runs/train/RUN/held_out.jsonl`` has a first line on the run, and then one for each measurement:

    {"documents": [0, 0, 1, …], "pid": 4711, "steps": 620}
    {"step": 100, "losses": [4.71, 4.65, 4.8, …]}

An example is a document or, where documents are packed, a block; ``documents`` says of which
document of the validation split each is (a block: that of its middle token), in the order of the
split. Losses are in nats, means over what the example predicts. The file stands in runs/: no
output of the stage, and the process's number is in it so that who searches can end a run.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.distributed.fsdp import FSDPModule
from transformers import TrainerCallback, TrainingArguments

from stemma.corpus.packing import read_split
from stemma.modeling.examples.packed import held_out_starts
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch, Training

FILE = "held_out.jsonl"


def documents_of(prepared: Path, examples: list[Batch], length: int) -> list[int]:
    """Return of which document of the validation split each held-out example is.

    Args:
        prepared: data/prepared.
        examples: as the task returns them.
        length: tokens that a block predicts, where documents are packed.

    Raises:
        DataError: the split is missing or torn.
    """
    split, count = read_split(prepared, "validation"), len(examples)
    if "padding" in examples[0]:
        return np.linspace(0, len(split.offsets) - 2, count).astype(int).tolist()
    middles = held_out_starts(split, length, count) + length // 2
    return (np.searchsorted(split.offsets, middles, side="right") - 1).tolist()


class HeldOutLosses(TrainerCallback):
    """Writes the loss of every held-out example at each measurement, and at the end.

    It draws no random number and changes no weight: a model is the same with it and without.

    Args:
        folder: of the run.
        task: what the model is trained to do.
        runtime: device and precision.
        examples: held-out ones.
        documents: of which document each is.
    """

    def __init__(
        self,
        folder: Path,
        task: Training,
        runtime: Runtime,
        examples: list[Batch],
        documents: list[int],
    ) -> None:
        self._path, self._task, self._runtime = folder / FILE, task, runtime
        self._examples, self._documents = examples, documents

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Begin the file anew, or go on with that of the run that was killed."""
        self._last = -1
        if state.is_world_process_zero:
            about = {"documents": self._documents, "pid": os.getpid(), "steps": state.max_steps}
            self._write(about, "a" if state.global_step else "w")

    def on_evaluate(
        self, args: TrainingArguments, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """Measure."""
        if self._takes_part(model, state) and state.max_steps:
            self._measure(model, state.global_step, state.is_world_process_zero)

    def on_train_end(
        self, args: TrainingArguments, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """Measure the weights that are kept, which with patience are earlier ones."""
        kept = state.best_global_step if args.load_best_model_at_end else state.global_step
        last = self._last == state.global_step == kept
        if self._takes_part(model, state) and not last:
            self._measure(model, state.global_step, state.is_world_process_zero)

    def _takes_part(self, model: Any, state: Any) -> bool:
        # Each process has a shard of the model, or the first one the whole.
        return state.is_world_process_zero or isinstance(model, FSDPModule)

    def _measure(self, model: Any, step: int, writes: bool) -> None:
        training = model.training
        model.eval()
        with torch.no_grad(), self._runtime.autocast():
            losses = [self._loss(model, example) for example in self._examples]
        model.train(training)
        self._last = step
        if writes:
            self._write({"step": step, "losses": losses}, "a")

    def _loss(self, model: Any, example: Batch) -> float:
        batch = {
            key: value.to(model.device) if isinstance(value, torch.Tensor) else value
            for key, value in self._task.collate([example]).items()
        }
        return float(self._task.loss(model, batch, self._runtime))

    def _write(self, line: dict[str, Any], mode: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open(mode, encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
