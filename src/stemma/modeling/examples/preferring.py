"""Makes training by preference of an ordinary task: examples, loss, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stemma.layout import PREPARED
from stemma.modeling.examples.documents import pad
from stemma.modeling.examples.preferred import Preferred, Sequences
from stemma.modeling.training.preference import ByPreference, PreferenceCurves

if TYPE_CHECKING:
    from stemma.modeling.runtime import Runtime
    from stemma.modeling.task import Examples, Training
    from stemma.modeling.training.settings import TrainSection


class Preferring:
    """A task that is learned by preference.

    Args:
        task: what the model does.
        ordinary: its ordinary training examples.
        section: the settings of training.
        longest: most tokens of a sequence.
        runtime: precision and seed.

    Attributes:
        task: its loss is that of preferences.
        examples: the preferences in the order of training.

    Raises:
        DataError: there are no preferences, or too few.
    """

    def __init__(
        self,
        task: Training,
        ordinary: Examples,
        section: TrainSection,
        longest: int,
        runtime: Runtime,
    ) -> None:
        assert section.preference is not None
        self._runtime = runtime
        self.task = ByPreference(task, section.preference, pad)
        mixed = ordinary if section.preference.sft else None
        sequences = Sequences(PREPARED, longest)
        self.examples = Preferred(sequences, mixed, section, runtime.seed)

    def join(self, trainer: Any) -> None:
        """Let the model, as it is before training, be the reference, and the curves be drawn."""
        model = trainer.model.eval()
        self.examples.refer(lambda group: self.task.score(model, group, self._runtime))
        trainer.add_callback(PreferenceCurves(self.task))
