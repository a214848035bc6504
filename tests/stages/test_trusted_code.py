"""A base with code of its own, whose digest is trusted: trained, measured, exported with it."""

import dataclasses
from pathlib import Path
from typing import Any

import based
import pytest
import tiny
import yaml
from project import ROOT
from transformers import AutoModelForCausalLM

from stemma import composition
from stemma.config import build
from stemma.files import read_json, sha256_of, write_json
from stemma.layout import EXPORTED, FORMATS, PREPARED, RAW, TRAINED
from stemma.stages import base, evaluate, export, train

MODEL = Path("data/input/model")
# What the model says is another thing than a plain Llama of the same weights would say.
OWN = """\
from transformers import LlamaForCausalLM

class Own(LlamaForCausalLM):
    def forward(self, *values, **named):
        given = super().forward(*values, **named)
        given.logits = given.logits * 9
        return given
"""
OVERRIDES = [
    *("model=path", "tokenizer=base", "train=full", "export=compressed", "export.formats=[int8]"),
    *("train.steps=1", "train.log_every=1", "train.evaluate_every=1", "train.checkpoint_every=1"),
    *("train.batch_size=4", "train.micro_batch_size=2", "train.sequence_length=16"),
    *("train.validation_blocks=4", "evaluate.prompts=[king]", "evaluate.sample_tokens=8"),
    # What runtime=portable makes of torch would last for the tests to come.
    *("runtime=auto", "runtime.precision=fp32"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    based.make_llama(MODEL, tiny.texts(0, 60))
    (MODEL / "own.py").write_text(OWN)
    own = {"architectures": ["Own"], "auto_map": {"AutoModelForCausalLM": "own.Own"}}
    write_json(MODEL / "config.json", {**read_json(MODEL / "config.json"), **own})
    splits = {"train": tiny.texts(0, 60), "validation": tiny.texts(2, 30), "test": tiny.texts(1, 9)}
    tiny.make_data(PREPARED, splits)
    write_json(PREPARED / "data_report.json", {"documents": {"raw": 9, "kept": 9}, "splits": {}})
    write_json(RAW / "sources.json", {"sources": []})
    return tmp_path


def test_trusted_code_runs_from_the_base_to_the_export(here: Path) -> None:
    trusted = f"model.base.trusted=[{sha256_of(MODEL / 'own.py')}]"
    values = composition.compose([*OVERRIDES, trusted], ROOT).values
    Path("params.yaml").write_text(yaml.safe_dump(values))
    base.run(build(base.BaseSettings, {"model": values["model"]}, "test"))
    stages: list[tuple[Any, Any]] = [
        (train.TrainSettings, train.run),
        (evaluate.EvaluateSettings, evaluate.run),
        (export.ExportSettings, export.run),
    ]
    for kind, run in stages:
        sections = {field.name: values[field.name] for field in dataclasses.fields(kind)}
        run(build(kind, sections, "test"))
    model = AutoModelForCausalLM.from_pretrained(EXPORTED, trust_remote_code=True)
    assert type(model).__name__ == "Own"
    for folder in (TRAINED, EXPORTED, EXPORTED / "int8"):
        assert (folder / "own.py").read_text() == OWN
    # Without the code the loss would be near that of chance, log 300 = 5.7.
    found = read_json(FORMATS)
    assert found["original"]["loss"] > 5.8
    assert found["int8"]["loss"] == pytest.approx(found["original"]["loss"], abs=0.01)
