"""Trainer callbacks: they seal checkpoints, stop early, and show progress."""

import math
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainingArguments

from stemma.errors import ModelError
from stemma.modeling import processes
from stemma.modeling.training import checkpoints


class Checkpointing(TrainerCallback):
    """Seals checkpoints, and stops a run with a loss that is not finite before it is saved."""

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Seal the checkpoint that was just written, when every process has written its part."""
        processes.wait_for_all()
        if state.is_world_process_zero:
            checkpoints.seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

    def on_log(
        self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **_: Any
    ) -> None:
        """Look at the loss.

        Raises:
            ModelError: the loss is infinite or not a number.
        """
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise ModelError(
                f"the training loss is {loss} at step {state.global_step}",
                "lower the learning rates or set train.clip",
            )


class EarlyStopping(TrainerCallback):
    """Ends a run whose validation loss has not reached a new best for some time.

    It looks at the history of the losses, which is part of a checkpoint, so that it stops a resumed
    run where it stops an uninterrupted one.

    Args:
        patience: how many losses without a new best it waits for.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluate(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Look at the losses so far."""
        losses = [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
        if len(losses) - 1 - losses.index(min(losses)) >= self.patience:
            control.should_training_stop = True
            # A run that went on from here would not know that it is over.
            control.should_save = False


class Progress(TrainerCallback):
    """Shows a bar on a terminal; elsewhere a line for every validation loss."""

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Open the bar where a resumed run goes on."""
        first = state.global_step
        self.speaks = state.is_local_process_zero
        disable = None if self.speaks else True
        self.bar = tqdm(total=state.max_steps, initial=first, unit="step", disable=disable)
        self.losses: dict[str, float] = {}
        if first and self.speaks:
            print(f"going on from step {first}", file=sys.stderr)

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Move the bar."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **_: Any
    ) -> None:
        """Show the losses, in nats per token."""
        for key, name in (("loss", "loss"), ("eval_loss", "validation")):
            if logs and key in logs:
                self.losses[name] = logs[key]
        self.bar.set_postfix({name: f"{loss:.3f}" for name, loss in self.losses.items()})
        if self.speaks and self.bar.disable and logs and "eval_loss" in logs:
            losses = "  ".join(f"{name} {loss:.3f}" for name, loss in self.losses.items())
            print(f"step {state.global_step}/{state.max_steps}  {losses}", file=sys.stderr)

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Close the bar."""
        self.bar.close()
