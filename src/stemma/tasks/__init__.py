"""What a model is trained to do: one package each, chosen by ``task.name``.

A task has in ``__init__.py``

    AUTO        the name of transformers' Auto class of its models
    Settings    the settings section ``task`` (`stemma.modeling.training.settings.TaskSection`)

and a module for each stage that asks something of it:

    encoding.py   what prepare asks (`stemma.corpus.task.Encoding`)
    training.py   what train asks (`stemma.modeling.task.Training`)
    measure.py    what evaluate and export ask (`stemma.modeling.task.Measure`)
    metrics.py    ``FORMULAS``: the metrics that it reports, in the order in which they are shown

A task of a project's own is such a package in its src/ (`stemma.own`).

A stage depends only on the modules of the task that is chosen: an edit of one task makes no version
of another stale. So nothing imports a task but by its name. What several tasks share is in
`stemma.corpus` and `stemma.modeling`, in modules that only these tasks import; no task imports
another.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, cast

from stemma import own
from stemma.config import chosen

if TYPE_CHECKING:
    from stemma.corpus.task import Encoding
    from stemma.modeling.metrics.formulas import Formulas
    from stemma.modeling.task import Measure, Training

TaskSettings = Annotated[Any, chosen(__name__, "task.name")]


def encoding_of(task: Any) -> "Encoding":
    """Return what encodes documents for the task of these settings."""
    return _module(task, "encoding").Encoding(task)


def training_of(task: Any) -> "Training":
    """Return the module that trains the task of these settings."""
    return cast("Training", _module(task, "training"))


def measure_of(task: Any) -> "Measure":
    """Return the module that measures the task of these settings."""
    return cast("Measure", _module(task, "measure"))


def formulas_of(task: Any) -> tuple["Formulas", ...]:
    """Return the formulas of the metrics that the task of these settings reports."""
    return _module(task, "metrics").FORMULAS


def _module(task: Any, name: str) -> ModuleType:
    return import_module(f"{own.module_of(__name__, task.name)}.{name}")
