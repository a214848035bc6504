"""Training curves: for TensorBoard while they grow, and at the end as tables for DVC."""

import csv
import json
from pathlib import Path
from textwrap import indent
from typing import Any

from torch.utils.tensorboard.writer import SummaryWriter
from transformers import TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback

from stemma.files import atomic_file
from stemma.modeling.training.settings import TrainSection

_MUON = "muon_learning_rate"
_OF_PREFERENCES = ["preference_loss", "reward_margin", "reward_accuracy"]


class Curves(TensorBoardCallback):
    """Sends losses and learning rates to TensorBoard, together with the settings of the run.

    Args:
        folder: of the events; its name is that of the run.
        made_with: all settings, and what the declared runtime came to.
        section: the settings of training.
    """

    def __init__(self, folder: Path, made_with: dict[str, Any], section: TrainSection) -> None:
        super().__init__(SummaryWriter(str(folder)))
        self._made_with, self._section = made_with, section

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Write the settings instead of Trainer's arguments, which have no Muon."""
        if state.is_world_process_zero and self.tb_writer is not None:
            text = json.dumps(self._made_with, indent=2, sort_keys=True)
            self.tb_writer.add_text("settings", indent(text, "    "))  # a block of Markdown

    def on_log(
        self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **others: Any
    ) -> None:
        """Write what was measured at a step."""
        told = _with_muon(logs or {}, self._section)
        super().on_log(args, state, control, logs=told, **others)


def write_curves(history: list[dict[str, Any]], section: TrainSection, folder: Path) -> None:
    """Write training.csv (step, loss, learning_rate) and validation.csv (step, loss).

    With Muon training.csv has muon_learning_rate too; by preference also preference_loss,
    reward_margin (in units of beta times nats) and reward_accuracy.

    Args:
        history: Trainer's ``state.log_history``; losses in nats per token.
        section: the settings of training.
        folder: where the two files go.
    """
    training = [_with_muon(entry, section) for entry in history if "loss" in entry]
    validation = [
        {"step": entry["step"], "loss": entry["eval_loss"]}
        for entry in history
        if "eval_loss" in entry
    ]
    columns = ["step", "loss", "learning_rate"]
    columns += [_MUON] if section.optimizer == "muon" else []
    columns += _OF_PREFERENCES if section.preference is not None else []
    _write_csv(folder / "training.csv", columns, training)
    _write_csv(folder / "validation.csv", ["step", "loss"], validation)


def _with_muon(entry: dict[str, Any], section: TrainSection) -> dict[str, Any]:
    if section.optimizer != "muon" or "learning_rate" not in entry:
        return entry
    # One schedule scales both learning rates.
    ratio = section.muon_learning_rate / section.learning_rate
    return {**entry, _MUON: ratio * entry["learning_rate"]}


def _write_csv(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    with atomic_file(path, "w") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([f"{row[column]:.6g}" for column in columns] for row in rows)
