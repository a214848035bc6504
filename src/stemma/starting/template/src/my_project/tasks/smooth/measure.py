"""What Stemma measures of a causal_lm, and one metric more."""

import dataclasses
from pathlib import Path

from my_project.tasks.smooth import Settings
from my_project.tasks.smooth.metrics import EASILY, easy
from stemma.modeling.evaluation.intervals import example_metrics
from stemma.modeling.evaluation.settings import EvaluateSection, Evaluation
from stemma.modeling.runtime import Runtime
from stemma.tasks.causal_lm import measure as causal_lm

metrics_of = causal_lm.metrics_of


def measure(
    settings: Settings, section: EvaluateSection, folder: Path, runtime: Runtime
) -> Evaluation:
    """Measure the model in a folder on the test split of data/prepared."""
    found = causal_lm.measure(settings, section, folder, runtime)
    more = example_metrics(found.examples, [EASILY], section.resamples, runtime.seed)
    return dataclasses.replace(
        found,
        table={**found.table, "model": {**found.table["model"], **more}},
        # A column of its own name: `stemma diff` tests the mean of it, paired by document.
        examples={**found.examples, "easy": easy(found.examples)},
    )
