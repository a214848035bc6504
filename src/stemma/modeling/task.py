"""What the stages ask of a task: the protocols of its modules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
    from stemma.modeling.runtime import Runtime
    from stemma.modeling.training.settings import TrainSection

Batch = dict[str, Any]


class Examples(Protocol):
    """The training examples of a whole run, a torch Dataset."""

    @property
    def tokens_seen(self) -> int:
        """Tokens of all of them, padding not counted."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Batch: ...


class Training(Protocol):
    """What train asks: ``training.py`` of a task.

    Attributes:
        AUTO: name of transformers' Auto class of its models.
    """

    AUTO: str

    def head(self, settings: Any, prepared: Path) -> dict[str, Any]:
        """Return what the task adds to a model's configuration, such as num_labels."""
        ...

    def examples(
        self, settings: Any, prepared: Path, section: TrainSection, seed: int
    ) -> tuple[Examples, list[Batch]]:
        """Return the training examples in the order of training, and some of validation.

        Item i of the first is example i of the whole run (``steps * batch_size`` of them), a
        function of the seed and of i alone, so that a resumed run goes on where a killed one ended.

        Raises:
            DataError: data/prepared is missing, torn or too small.
        """
        ...

    def collate(self, examples: list[Batch]) -> Batch:
        """Return a batch of tensors, [examples, longest], from examples of different lengths."""
        ...

    def loss(self, model: Any, batch: Batch, runtime: Runtime) -> Tensor:
        """Return the mean loss in nats over what the task predicts; autocast is on."""
        ...


class Measure(Protocol):
    """What evaluate and export ask: ``measure.py`` of a task."""

    def measure(
        self, settings: Any, section: EvaluateSection, folder: Path, runtime: Runtime
    ) -> Evaluation:
        """Measure the model in ``folder`` on the test split of data/prepared.

        Raises:
            DataError: data/prepared lacks a file, is torn, or has nothing to test on.
            ModelError: the model cannot be loaded, does not fit the data, or has no finite loss.
            SettingsError: a setting of evaluate does not fit the model.
        """
        ...

    def metrics_of(
        self, settings: Any, section: EvaluateSection, model: Any, folder: Path, runtime: Runtime
    ) -> dict[str, float]:
        """Return the metrics of a model, as ``measure`` has them, and nothing else.

        Args:
            settings: of the task.
            section: how it is measured.
            model: loaded, on the runtime's device; it may be one that only gives logits.
            folder: its own, with its tokenizer.
            runtime: device and precision.

        Raises:
            DataError: as ``measure``.
            ModelError: as ``measure``.
            SettingsError: as ``measure``.
        """
        ...
