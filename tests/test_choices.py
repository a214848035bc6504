"""What conf/ offers trains: every model with every task, every way of training, every option."""

import csv
import math

import based
import pytest
import torch
import yaml
from documents import DOCUMENTS, TOKENS
from project import ROOT
from tiny import texts

from stemma import composition
from stemma.config import build
from stemma.corpus.documents import write_shards
from stemma.errors import ModelError, SettingsError
from stemma.files import read_json
from stemma.layout import BASE, PLOTS, PREPARED, RAW, TRAINED
from stemma.modeling.weights import shards
from stemma.stages import prepare
from stemma.stages.train import TrainSettings, run

SHORT = [
    *("train.steps=1", "train.log_every=1", "train.evaluate_every=1", "train.checkpoint_every=1"),
    *("train.batch_size=4", "train.micro_batch_size=2", "train.sequence_length=16"),
    # In this process: what runtime=portable makes of torch would last for the tests to come.
    *("runtime=auto", "runtime.precision=fp32", "train.validation_blocks=4", "prepare.workers=1"),
    *("prepare.split.unit=document", "prepare.split.validation=0.2", "prepare.split.test=0.2"),
    *("prepare.duplicates.near=null", "prepare.contamination.max_overlap=1"),
    *("prepare.quality.min_words=1", "prepare.quality.max_duplicate_10gram_characters=null"),
]
# By the section of a setting, where that has it.
SMALL = {
    "model": {"layers": 1, "heads": 2, "kv_heads": 1, "width": 16, "feed_forward": 32},
    "task": {"max_tokens": 64},
    "tokenizer": {"vocab_size": 270},
}


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def shape(model: str) -> dict:
    return yaml.safe_load((ROOT / f"conf/model/{model}.yaml").read_text())


SHAPED = [model for model in choices("model") if "layers" in shape(model)]


def train(tmp_path, monkeypatch, *overrides: str) -> None:
    """Prepare documents of the task, and train; a base is a tiny Llama."""
    values = composition.compose([*SHORT, *overrides], ROOT).values
    for section, small in SMALL.items():
        values[section] |= {key: small[key] for key in small if key in values[section]}
    monkeypatch.chdir(tmp_path)
    if values["model"]["base"] and not BASE.exists():
        based.make_llama(BASE, texts(0, 60))
    if not PREPARED.exists():
        RAW.mkdir(parents=True)
        write_shards(RAW, DOCUMENTS[values["task"]["name"]]())
        prepare.run(section_of(prepare.PrepareSettings, values))
    run(section_of(TrainSettings, values))


def section_of(kind: type, values: dict):
    return build(kind, {key: values[key] for key in kind.__dataclass_fields__}, "conf")


def curve(name: str) -> list[dict[str, float]]:
    with (PLOTS / name).open() as handle:
        return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(handle)]


@pytest.mark.parametrize("model", SHAPED)
@pytest.mark.parametrize("task", choices("task"))
def test_every_model_takes_a_step_of_every_task_that_it_can(tmp_path, monkeypatch, model, task):
    tokens = f"tokenizer.special_tokens={TOKENS.get(task, [])}"
    try:
        train(tmp_path, monkeypatch, f"task={task}", f"model={model}", tokens)
    except ModelError as error:
        if "which the task needs" in str(error):
            pytest.skip(str(error))
        raise
    assert read_json(TRAINED / "training.json")["steps"] == 1
    assert math.isfinite(curve("validation.csv")[0]["loss"])


@pytest.mark.parametrize("model", sorted({*choices("model")} - {*SHAPED}))
def test_every_base_takes_a_step(tmp_path, monkeypatch, model):
    train(tmp_path, monkeypatch, f"model={model}", "tokenizer=base")
    assert math.isfinite(curve("validation.csv")[0]["loss"])


def test_a_base_without_a_model_for_the_task(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="llama has no Seq2SeqLM model, which the task needs"):
        train(tmp_path, monkeypatch, "task=seq2seq", "model=path", "tokenizer=base")


@pytest.mark.parametrize("recipe", choices("experiment"))
def test_every_experiment_takes_a_step(tmp_path, monkeypatch, recipe):
    train(tmp_path, monkeypatch, f"experiment={recipe}")
    assert math.isfinite(curve("validation.csv")[0]["loss"])


# What is learned from preferences needs some: tests/stages/test_preferences.py.
@pytest.mark.parametrize("way", [one for one in choices("train") if one not in ("dpo", "kto")])
@pytest.mark.parametrize("task", ["causal_lm", "chat", "classify", "tag"])
def test_every_way_of_training_takes_a_step(tmp_path, monkeypatch, way, task):
    train(tmp_path, monkeypatch, f"task={task}", "model=path", "tokenizer=base", f"train={way}")
    assert read_json(TRAINED / "training.json")["settings"]["train"]["name"] == way


@pytest.mark.parametrize("task", ["causal_lm", "classify"])
def test_a_base_is_taken_as_it_is(tmp_path, monkeypatch, task):
    based = ["model=path", "tokenizer=base", "train=as_is", "train.steps=0"]
    train(tmp_path, monkeypatch, f"task={task}", *based)
    facts = read_json(TRAINED / "training.json")
    assert (facts["steps"], facts["tokens_seen"]) == (0, 0)
    assert curve("training.csv") == []
    (row,) = curve("validation.csv")
    assert row["step"] == 0 and math.isfinite(row["loss"])
    base, trained = shards.locate(BASE), shards.locate(TRAINED)
    with shards.Reader(base) as before, shards.Reader(trained) as after:
        assert all(torch.equal(before[name], after[name]) for name in base)
        assert all(before[name].dtype == after[name].dtype for name in base)


def test_without_a_base_there_is_nothing_to_take(tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match=r"train\.steps is 0, but model\.base is null"):
        train(tmp_path, monkeypatch, "train=as_is", "train.steps=0")


@pytest.mark.parametrize(
    "option",
    [
        *("train.optimizer=adamw", "train.optimizer=adafactor", "train.clip=1.0"),
        *("train.gradient_checkpointing=true", "train.across_documents=false", "train.patience=1"),
    ],
)
@pytest.mark.parametrize("model", ["gpt2_nano", "llama_nano"])
def test_every_option_takes_a_step(tmp_path, monkeypatch, model, option):
    train(tmp_path, monkeypatch, f"model={model}", option)
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
    settings += ["train.muon_learning_rate=0.02"]
    overrides = [*settings, "train.steps=10", f"train.schedule={schedule}"]
    train(tmp_path, monkeypatch, *overrides)
    rows = curve("training.csv")
    assert [row["learning_rate"] for row in rows] == pytest.approx(
        [0.01 * share for share in RATES[schedule]], rel=1e-4
    )
    assert [row["muon_learning_rate"] for row in rows] == pytest.approx(
        [0.02 * share for share in RATES[schedule]], rel=1e-4
    )


def test_early_stopping_keeps_the_weights_of_the_best_validation_loss(tmp_path, monkeypatch):
    overrides = ["train.optimizer=adamw", "train.schedule=constant", "train.learning_rate=0.1"]
    train(tmp_path, monkeypatch, *overrides, "train.steps=40", "train.patience=2")
    losses = [row["loss"] for row in curve("validation.csv")]
    best = losses.index(min(losses)) + 1
    assert len(losses) == best + 2 < 40
    assert read_json(TRAINED / "training.json")["steps"] == best
    stopped = (TRAINED / "model.safetensors").read_bytes()
    # A constant rate does not know how many steps there are to be.
    train(tmp_path, monkeypatch, *overrides, f"train.steps={best}")
    assert (TRAINED / "model.safetensors").read_bytes() == stopped
