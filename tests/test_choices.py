"""What conf/ offers trains: every model with every task, every way of training, every option."""

import csv
import math

import pytest
import yaml

from conftest import ROOT
from stemma import composition
from stemma.config import build
from stemma.errors import ModelError
from stemma.files import read_json
from stemma.layout import PLOTS, PREPARED, TRAINED
from stemma.stages.train import TrainSettings, run
from tiny import make_data, texts

# What a task needs to be prepared.
DATA = {"causal_lm": lambda: make_data(PREPARED, SPLITS)}
SPLITS = {split: texts(seed, 60) for seed, split in enumerate(("train", "validation"))}
SHORT = [
    *("train.steps=1", "train.log_every=1", "train.evaluate_every=1", "train.checkpoint_every=1"),
    *("train.batch_size=4", "train.micro_batch_size=2", "train.sequence_length=16"),
    *("train.validation_blocks=4", "runtime.precision=fp32"),
]
SMALL = {"layers": 1, "heads": 2, "kv_heads": 1, "width": 16, "feed_forward": 32, "context": 16}


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def shape(model: str) -> dict:
    return yaml.safe_load((ROOT / f"conf/model/{model}.yaml").read_text())


def small(model: str) -> list[str]:
    """Return overrides that choose a model and shrink it."""
    return [
        f"model={model}",
        *(f"model.{key}={SMALL[key]}" for key in SMALL if key in shape(model)),
    ]


def train(tmp_path, monkeypatch, overrides: list[str], task: str = "causal_lm") -> None:
    values = composition.compose([f"task={task}", *SHORT, *overrides], ROOT).values
    monkeypatch.chdir(tmp_path)
    if not PREPARED.exists():
        DATA[task]()
    sections = {key: values[key] for key in ("model", "task", "train", "runtime")}
    run(build(TrainSettings, sections, "conf"))


def curve(name: str) -> list[dict[str, float]]:
    with (PLOTS / name).open() as handle:
        return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(handle)]


# The others start from a model that is there already.
@pytest.mark.parametrize("model", [name for name in choices("model") if "layers" in shape(name)])
@pytest.mark.parametrize("task", choices("task"))
def test_every_model_takes_a_step_of_every_task_that_it_can(tmp_path, monkeypatch, model, task):
    try:
        train(tmp_path, monkeypatch, small(model), task)
    except ModelError as error:
        if "which the task needs" in str(error):
            pytest.skip(str(error))
        raise
    assert read_json(TRAINED / "training.json")["steps"] == 1
    assert math.isfinite(curve("validation.csv")[0]["loss"])


# The others need a base: tests/stages/test_methods.py.
@pytest.mark.parametrize("way", ["scratch", "full"])
def test_every_way_of_training_takes_a_step(tmp_path, monkeypatch, way):
    train(tmp_path, monkeypatch, [*small("gpt2_nano"), f"train={way}"])
    assert read_json(TRAINED / "training.json")["settings"]["train"]["name"] == way


@pytest.mark.parametrize(
    "option",
    [
        *("train.optimizer=adamw", "train.optimizer=adafactor", "train.clip=1.0"),
        *("train.gradient_checkpointing=true", "train.across_documents=false", "train.patience=1"),
    ],
)
@pytest.mark.parametrize("model", ["gpt2_nano", "llama_nano"])
def test_every_option_takes_a_step(tmp_path, monkeypatch, model, option):
    train(tmp_path, monkeypatch, [*small(model), option])
    assert math.isfinite(curve("training.csv")[0]["loss"])


# Shares of the peak at the start of each of ten steps.
RATES = {
    "linear": [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125],
    "cosine": [0, 0.5, *((1 + math.cos(math.pi * step / 8)) / 2 for step in range(8))],
    "constant": [0, 0.5, *[1] * 8],
    "warmup_stable_decay": [0, 0.5, *[1] * 4, 1, 0.75, 0.5, 0.25],
}


@pytest.mark.parametrize("schedule", RATES)
def test_schedules(tmp_path, monkeypatch, schedule):
    settings = ["train.warmup=0.2", "train.decay=0.4", "train.learning_rate=0.01"]
    overrides = [*settings, "train.steps=10", f"train.schedule={schedule}"]
    train(tmp_path, monkeypatch, [*small("gpt2_nano"), *overrides])
    rows = curve("training.csv")
    assert [row["learning_rate"] for row in rows] == pytest.approx(
        [0.01 * share for share in RATES[schedule]], rel=1e-4
    )
    assert [row["muon_learning_rate"] for row in rows] == pytest.approx(
        [0.02 * share for share in RATES[schedule]], rel=1e-4
    )


def test_early_stopping_keeps_the_weights_of_the_best_validation_loss(tmp_path, monkeypatch):
    overrides = [*small("gpt2_nano"), "train.optimizer=adamw", "train.schedule=constant"]
    overrides += ["train.learning_rate=0.1"]
    train(tmp_path, monkeypatch, [*overrides, "train.steps=40", "train.patience=2"])
    losses = [row["loss"] for row in curve("validation.csv")]
    best = losses.index(min(losses)) + 1
    assert len(losses) == best + 2 < 40
    assert read_json(TRAINED / "training.json")["steps"] == best
    stopped = (TRAINED / "model.safetensors").read_bytes()
    # A constant rate does not know how many steps there are to be.
    train(tmp_path, monkeypatch, [*overrides, f"train.steps={best}"])
    assert (TRAINED / "model.safetensors").read_bytes() == stopped
