"""Settings of training."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import Positive, Share, settings
from stemma.errors import SettingsError

Targets = Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)]


@settings
class LoraSettings:
    """Low-rank adapters (Hu et al. 2021): W + alpha / rank * B A, of which A and B are trained."""

    rank: Positive
    alpha: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    targets: Targets
    """The modules that get one, by the ends of their names; or all linear ones but the head."""


@settings
class TrainSection:
    """How a model is trained."""

    name: str
    method: Literal["full", "lora", "frozen"]
    lora: LoraSettings | None
    trainable_layers: Positive | None
    """The last layers, which ``frozen`` trains."""
    steps: Positive
    batch_size: Positive
    micro_batch_size: Positive
    sequence_length: Annotated[int, Field(ge=2)]
    optimizer: Literal["adamw", "muon"]
    learning_rate: Annotated[float, Field(gt=0)]
    muon_learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    muon_weight_decay: Annotated[float, Field(ge=0)]
    adam_betas: tuple[Share, Share]
    momentum: Share
    schedule: Literal["cosine", "linear"]
    warmup: Share
    clip: Annotated[float, Field(gt=0)] | None
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
