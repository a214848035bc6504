"""transformers' Trainer with our data order, optimiser, loss and checkpoints."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainingArguments
from transformers.utils import logging as transformers_logging

from stemma.errors import SettingsError
from stemma.modeling.runtime import Runtime
from stemma.modeling.task import Batch, Training
from stemma.modeling.training import sharded
from stemma.modeling.training.callbacks import Checkpointing, EarlyStopping, Progress
from stemma.modeling.training.optimizers import build_optimizer
from stemma.modeling.training.settings import TrainSection
from stemma.modeling.training.sharded_muon import ShardedMuonAdamW

_SCHEDULES = {"constant": "constant_with_warmup"}  # the others are called as transformers does

_SCHEDULER = "scheduler.pt"


class LanguageTrainer(Trainer):
    """Trains on pre-shifted labels, in the order of the dataset.

    Args:
        model: what is trained.
        task: what it is trained to do.
        section: the settings of training.
        runtime: device, precision and seed.
        folder: where checkpoints go.
        examples: the training data; its items are taken in order.
        held_out: examples on which the validation loss is measured.
        sharding: whether each of several processes holds a shard of the model, or all of it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        task: Training,
        section: TrainSection,
        runtime: Runtime,
        folder: Path,
        examples: Dataset[Batch],
        held_out: list[Batch],
        sharding: bool = False,
    ) -> None:
        self.section = section
        transformers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        self._net, self._task, self._runtime = model, task, runtime
        super().__init__(
            model,
            _arguments(section, runtime, folder / "checkpoints"),
            data_collator=task.collate,
            train_dataset=examples,
            eval_dataset=held_out,  # type: ignore[arg-type]
            # A bar stands where training begins.
            callbacks=[Checkpointing(), *([Progress()] if section.steps else [])],
        )
        self.remove_callback(PrinterCallback)
        if section.patience is not None:
            self.add_callback(EarlyStopping(section.patience))
        self._sharded = sharding
        if sharding:
            sharded.shard(model, runtime.device)
            # Then Trainer wraps and places nothing.
            self.is_distributed_loading_by_transformers = True
        # compute_loss returns the mean of its batch: Trainer must divide by the accumulation steps.
        self.loss_is_scaled_for_ga = False
        if self.args.world_size > 1:
            # Each process draws what it drops out for itself.
            torch.manual_seed(runtime.seed + self.args.process_index)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Build the optimiser that the settings name."""
        if self.optimizer is None:
            self.optimizer = build_optimizer(
                self._net,
                self.section,
                self._runtime.dtype(),
                ShardedMuonAdamW if self._sharded else None,
            )
        return self.optimizer

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean loss in nats over what the task predicts."""
        if model is self._net:
            loss = self._task.loss(model, inputs, self._runtime)
        else:
            loss = self._loss_through(model, inputs)
        return (loss, {"loss": loss}) if return_outputs else loss

    def _loss_through(self, wrapper: Any, inputs: Batch) -> Any:
        # Gradients are summed over processes by the forward of the wrapper, and a task computes its
        # loss from the model itself: so the task's loss is what the wrapper's forward comes upon.
        net = self._net
        forward = net.forward

        def loss(batch: Batch) -> Any:
            net.forward = forward
            return self._task.loss(net, batch, self._runtime)

        net.forward = loss
        try:
            return wrapper(inputs)
        finally:
            net.forward = forward

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the weights of a checkpoint; shards are written with their optimiser's."""
        if not self._sharded:
            super().save_model(output_dir, _internal_call)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self._sharded:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        folder = Path(output_dir)
        sharded.save(folder, self._net, self.optimizer.optimizer)  # type: ignore[union-attr]
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), folder / _SCHEDULER)  # type: ignore[union-attr]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self._sharded:
            sharded.load_model(Path(resume_from_checkpoint), self._net)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if not self._sharded or checkpoint is None:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        folder = Path(checkpoint)
        sharded.load_optimizer(folder, self.optimizer.optimizer)  # type: ignore[union-attr]
        self.lr_scheduler.load_state_dict(torch.load(folder / _SCHEDULER, weights_only=True))  # type: ignore[union-attr]

    def _defer_fsdp_gradient_reduction(self) -> Any:
        # Nothing is deferred: the whole gradient of a micro-batch would have to be kept for it.
        return contextlib.nullcontext()

    def _load_best_model(self) -> None:
        if self._sharded:
            sharded.load_model(Path(str(self.state.best_model_checkpoint)), self._net)
        else:
            super()._load_best_model()

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)  # type: ignore[arg-type]


def _arguments(section: TrainSection, runtime: Runtime, folder: Path) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=section.steps,
        per_device_train_batch_size=section.micro_batch_size,
        per_device_eval_batch_size=section.micro_batch_size,
        learning_rate=section.learning_rate,
        lr_scheduler_type=_SCHEDULES.get(section.schedule, section.schedule),
        lr_scheduler_kwargs=_schedule_kwargs(section),
        warmup_steps=math.ceil(section.warmup * section.steps),
        max_grad_norm=section.clip or 0.0,
        activation_checkpointing=section.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        bf16=runtime.precision == "bf16",
        use_cpu=runtime.device == "cpu",
        seed=runtime.seed,
        logging_steps=section.log_every,
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=section.evaluate_every,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=section.checkpoint_every,
        # Early stopping returns to the best one, which is kept in addition to the last two.
        load_best_model_at_end=section.patience is not None,
        save_total_limit=2 if section.patience is None else 3,
        dataloader_pin_memory=runtime.device == "cuda",
        remove_unused_columns=False,
        average_tokens_across_devices=False,
        ddp_find_unused_parameters=False,
        report_to="none",
        disable_tqdm=True,
    )
    # Only the arguments know how many processes there are (torchrun's).
    share = section.micro_batch_size * arguments.world_size
    if section.batch_size % share:
        raise SettingsError(
            f"train.batch_size {section.batch_size} is no multiple of train.micro_batch_size "
            f"{section.micro_batch_size} times {arguments.world_size} processes",
            "set one of them so that it is",
        )
    arguments.gradient_accumulation_steps = section.batch_size // share
    return arguments


def _schedule_kwargs(section: TrainSection) -> dict[str, Any]:
    if section.schedule != "warmup_stable_decay":
        return {}
    return {"num_decay_steps": math.floor(section.decay * section.steps), "decay_type": "linear"}
