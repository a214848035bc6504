"""Settings of training."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import Positive, Share, settings
from stemma.errors import SettingsError


@settings
class TrainSection:
    """How a model is trained."""

    name: str
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
        # The loss that a log line averages over is not part of a checkpoint.
        for name in ("evaluate_every", "checkpoint_every"):
            if getattr(self, name) % self.log_every:
                raise SettingsError(
                    f"train.{name} {getattr(self, name)} is no multiple of train.log_every "
                    f"{self.log_every}",
                    "set it to one",
                )
