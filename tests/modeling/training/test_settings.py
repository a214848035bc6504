"""Settings of training that contradict one another name the keys."""

import pytest
import yaml
from project import ROOT

from stemma.config import build
from stemma.errors import SettingsError
from stemma.modeling.training.settings import TrainSection

DEFAULT = yaml.safe_load((ROOT / "conf/train/scratch.yaml").read_text())


BAD = {
    "more than all steps": (
        {"schedule": "warmup_stable_decay", "warmup": 0.4, "decay": 0.7},
        ["train.warmup 0.4", "train.decay 0.7"],
    ),
    "no validation": (
        {"patience": 2, "steps": 90},
        ["train.patience 2", "train.evaluate_every 100"],
    ),
    "best weights in no checkpoint": (
        {"patience": 2, "checkpoint_every": 200},
        ["train.patience", "train.checkpoint_every 200", "train.evaluate_every 100"],
    ),
    "no patience at all": ({"patience": 0}, ["train.patience"]),
    "schedule": ({"schedule": "wsd"}, ["train.schedule", "warmup_stable_decay"]),
    "optimiser": ({"optimizer": "sgd"}, ["train.optimizer", "adafactor"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_contradictions(kind):
    changes, named = BAD[kind]
    with pytest.raises(SettingsError) as caught:
        build(TrainSection, DEFAULT | changes, "conf", "train")
    for key in named:
        assert key in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_decay_that_is_not_used_may_be_anything():
    assert build(TrainSection, DEFAULT | {"warmup": 0.5, "decay": 0.9}, "conf").decay == 0.9
