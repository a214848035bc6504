from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest

from stemma import tasks
from stemma.versions.contents.formulas import FORMULAS
from stemma.versions.contents.metrics import METRICS, metric, metric_values

TASKS = [module.name for module in iter_modules(tasks.__path__)]


def test_every_metric_that_has_a_formula_is_known() -> None:
    for formulas in FORMULAS:
        texts = {"label", "predicted", "wanted", "written"}
        columns = {
            name: np.array(["a"] * 3 if name in texts else [1.0] * 3) for name in formulas.needs
        }
        assert formulas.values(formulas.parts(columns).sum(1)).keys() <= METRICS.keys()


def test_which_way_is_better() -> None:
    assert metric("loss").tone(-0.1) == "better"
    assert metric("loss").tone(0.1) == "worse"
    assert metric("accuracy").tone(0.1) == "better"
    assert metric("accuracy").tone(-0.1) == "worse"
    assert metric("accuracy").tone(0) == ""
    assert metric("of my own").tone(1) == "", "nobody said which way is better"


def test_figures_are_what_is_neither_count_nor_interval_nor_baseline() -> None:
    content = {
        "documents": 3,
        "taste": 1,
        "loss": 2.0,
        "loss_low": 1.5,
        "loss_high": 2.5,
        "bits_per_byte": 1.0,
        "baselines": {"unigram": {"loss": 9}},
        "strict": True,
    }
    assert list(metric_values(content).items()) == [
        ("bits_per_byte", 1.0),
        ("loss", 2.0),
        ("taste", 1.0),
    ]


@pytest.mark.parametrize("task", TASKS)
def test_readers_know_the_metrics_of_every_task(task: str) -> None:
    reported = import_module(f"stemma.tasks.{task}.metrics").FORMULAS
    assert {id(one) for one in reported} <= {id(one) for one in FORMULAS}
    for formulas in reported:
        for one in formulas.metrics:
            assert metric(one.name).label == one.label
            assert metric(one.name).better == one.better
            assert one.unit, "every metric says in what it is counted"
            assert bool(one.title) == bool(one.hub), "the card shows both or none"
