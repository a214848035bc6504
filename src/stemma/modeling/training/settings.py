"""Settings of training, and what it asks of the settings of a task."""

from typing import Annotated, Literal, Protocol

from pydantic import Field

from stemma.config import Positive, Share, settings
from stemma.errors import SettingsError

Targets = Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)]


class TaskSection(Protocol):
    """The settings section ``task``: what every task's ``Settings`` has."""

    @property
    def name(self) -> str:
        """The task's package in `stemma.tasks`, or the whole name of one in a project's src/."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of an example, if the task sets it; None if train.sequence_length does.

        The train stage refuses more than the model sees.
        """
        ...


@settings
class LoraSettings:
    """Low-rank adapters (Hu et al. 2021): W + alpha / rank * B A, with A and B trained alone."""

    rank: Positive
    alpha: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    targets: Targets
    """The modules that are adapted, by the ends of their names; or all linear ones but the head."""


@settings
class PreferenceSettings:
    """Learning from preferences; see `stemma.modeling.training.preference`."""

    loss: Literal["kto", "dpo"]
    beta: Annotated[float, Field(gt=0)]
    """How much a log-ratio to the reference counts; the smaller, the further the model may go."""
    desirable_weight: Annotated[float, Field(gt=0)]
    undesirable_weight: Annotated[float, Field(gt=0)]
    sft: Annotated[float, Field(ge=0)]
    """Weight of the ordinary cross-entropy of as many ordinary examples, in each step."""


@settings
class TrainSection:
    """How a model is trained."""

    name: str
    method: Literal["full", "lora", "frozen"]
    lora: LoraSettings | None
    trainable_layers: Positive | None
    """How many of the last layers the method ``frozen`` trains."""
    preference: PreferenceSettings | None
    """How it learns from preferences; None for the ordinary cross-entropy."""
    steps: Annotated[int, Field(ge=0)]
    """Of the optimiser; 0 takes the base as it is."""
    batch_size: Positive
    micro_batch_size: Positive
    sequence_length: Annotated[int, Field(ge=2)]
    across_documents: bool
    """Whether attention reaches from one packed document into those before it."""
    optimizer: Literal["adamw", "adafactor", "muon"]
    learning_rate: Annotated[float, Field(gt=0)]
    muon_learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    muon_weight_decay: Annotated[float, Field(ge=0)]
    adam_betas: tuple[Share, Share]
    momentum: Share
    schedule: Literal["constant", "cosine", "linear", "warmup_stable_decay"]
    warmup: Share
    decay: Share
    clip: Annotated[float, Field(gt=0)] | None
    gradient_checkpointing: bool
    """Whether activations are computed again in the backward pass, to save memory."""
    patience: Positive | None
    """After how many validation losses without a new best training ends; None for never."""
    log_every: Positive
    evaluate_every: Positive
    checkpoint_every: Positive
    validation_blocks: Positive

    def __post_init__(self) -> None:
        for key, method in (("lora", "lora"), ("trainable_layers", "frozen")):
            if (getattr(self, key) is not None) != (self.method == method):
                raise SettingsError(
                    f"train.method is '{self.method}', and train.{key} is {getattr(self, key)!r}",
                    f"train.{key} is set if and only if the method is '{method}'; "
                    "-S train=lora or train=frozen sets both",
                )
        # The loss that a log line averages over is not part of a checkpoint.
        for name in ("evaluate_every", "checkpoint_every"):
            if getattr(self, name) % self.log_every:
                raise SettingsError(
                    f"train.{name} {getattr(self, name)} is no multiple of train.log_every "
                    f"{self.log_every}",
                    "set it to one",
                )
        if self.schedule == "warmup_stable_decay" and self.warmup + self.decay > 1:
            raise SettingsError(
                f"train.warmup {self.warmup} and train.decay {self.decay} are more than all steps",
                "lower one of them",
            )
        if self.patience is not None:
            self._check_measures()
        if self.preference is not None and self.preference.loss == "kto":
            self._check_pairing()

    def _check_pairing(self) -> None:
        if self.micro_batch_size < 2:
            raise SettingsError(
                "train.preference.loss is 'kto', but train.micro_batch_size is 1",
                "it compares a completion with the others of its micro-batch: set 2 or more",
            )

    def _check_measures(self) -> None:
        if self.evaluate_every > self.steps:
            raise SettingsError(
                f"train.patience {self.patience} waits for validation losses, but "
                f"train.evaluate_every {self.evaluate_every} is more than train.steps {self.steps}",
                "lower train.evaluate_every, or set train.patience to null",
            )
        # The best weights are found in the checkpoint of the step that was measured.
        if self.checkpoint_every != self.evaluate_every:
            raise SettingsError(
                f"train.patience keeps the best weights, but train.checkpoint_every "
                f"{self.checkpoint_every} is not train.evaluate_every {self.evaluate_every}",
                "set both to the same, or train.patience to null",
            )
