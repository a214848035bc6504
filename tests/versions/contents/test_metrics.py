import numpy as np

from stemma.versions.contents.formulas import FORMULAS
from stemma.versions.contents.metrics import METRICS, figures, metric


def test_every_figure_that_has_a_formula_is_known() -> None:
    for formulas in FORMULAS:
        texts = {"label", "predicted", "wanted", "written"}
        columns = {
            name: np.array(["a"] * 3 if name in texts else [1.0] * 3) for name in formulas.needs
        }
        assert formulas.figures(formulas.parts(columns).sum(1)).keys() <= METRICS.keys()


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
    assert list(figures(content).items()) == [("bits_per_byte", 1.0), ("loss", 2.0), ("taste", 1.0)]
