"""What a model is trained to do: one package each, chosen by ``task.name``.

A task has its settings in ``__init__.py``, and a module for each stage that it takes part in:

    encoding.py   what prepare asks of it (`stemma.corpus.task.Encoding`)
    training.py   what train asks of it (`stemma.modeling.task.Training`)
    measure.py    what evaluate asks of it (`stemma.modeling.task.Measure`)

A stage depends only on the modules of the task that is chosen: an edit of one task makes no version
of another stale. So nothing imports a task but by its name. What several tasks share stands in
`stemma.modeling`, and no task imports another.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, cast

from stemma.config import chosen

if TYPE_CHECKING:
    from stemma.corpus.task import Encoding
    from stemma.modeling.task import Measure, Training

TaskSettings = Annotated[Any, chosen("stemma.tasks", "name")]


def encoding_of(task: Any) -> "Encoding":
    """Return what encodes documents for the task of these settings."""
    return import_module(f"stemma.tasks.{task.name}.encoding").Encoding(task)


def training_of(task: Any) -> "Training":
    """Return the module that trains the task of these settings."""
    return cast("Training", import_module(f"stemma.tasks.{task.name}.training"))


def measure_of(task: Any) -> "Measure":
    """Return the module that measures the task of these settings."""
    return cast("Measure", import_module(f"stemma.tasks.{task.name}.measure"))
