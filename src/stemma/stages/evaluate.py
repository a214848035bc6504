"""Measure the trained model on the test split, beside baselines.

Takes models/trained and data/prepared; gives reports/metrics.json (each metric with the ends of its
95 % interval, for the model and under ``baselines``), reports/examples.parquet (one row per
example), reports/samples.md, reports/reference.parquet (requests made of the test split, and what
became of them: `stemma watch` compares a server's with them), reports/measured.json (which weights
all of this speaks of, and what the declared runtime came to), and under reports/plots/evaluation/
the same metrics as a table and what else the task has to show.

Several processes (``runtime.processes``) read the batches in turn, and the first writes: the
outputs are those of one.
"""

from stemma import stage
from stemma.config import settings
from stemma.environment import RuntimeSettings
from stemma.layout import TRAINED
from stemma.modeling import processes
from stemma.modeling.evaluation.settings import EvaluateSection
from stemma.modeling.runtime import start
from stemma.tasks import TaskSettings, measure_of


@settings
class EvaluateSettings:
    """What this stage reads of params.yaml."""

    task: TaskSettings
    evaluate: EvaluateSection
    runtime: RuntimeSettings


def run(settings: EvaluateSettings) -> None:
    """Measure models/trained.

    Raises:
        DataError: data/prepared lacks a file, is torn, or has nothing to test on.
        ModelError: models/trained cannot be loaded, does not fit the data, or has no finite loss;
            or one of several processes was killed.
        SettingsError: a setting of evaluate does not fit the model.
    """
    processes.run(
        "stemma.stages.evaluate",
        settings.runtime,
        lambda: _evaluate(settings),
        exactly=False,
        remedy="type `dvc repro`",
    )


def _evaluate(settings: EvaluateSettings) -> None:
    runtime = start(settings.runtime)
    processes.meet()

    from stemma.modeling.evaluation.measured import record
    from stemma.modeling.evaluation.results import write

    task = settings.task
    found = measure_of(task).measure(task, settings.evaluate, TRAINED, runtime)
    if processes.is_first():
        write(found)
        record(TRAINED, runtime)


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("evaluate", EvaluateSettings, run)


if __name__ == "__main__":
    main()
