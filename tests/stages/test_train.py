"""The train stage: bad settings and bad data stop it in one line; test_resume.py kills it."""

import csv
import json
import shutil

import numpy as np
import pytest
import yaml
from project import Project
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stemma.files import read_json, sha256_of

STAGE = "python -m stemma.stages.train"


def weights(project: Project) -> str:
    return sha256_of(project.path / "models/trained/model.safetensors")


BAD = {
    "context": (["train.sequence_length=65"], "train.sequence_length 65 is longer"),
    "accumulation": (["train.micro_batch_size=3"], "train.micro_batch_size 3"),
    "heads": (["model.heads=3"], "model.heads 3"),
    "schedule of checkpoints": (["train.checkpoint_every=3"], "train.checkpoint_every 3"),
    "too little text": (
        ["model.context=1000000", "train.sequence_length=1000000"],
        "lower train.sequence_length",
    ),
    "loss": (["train.learning_rate=1e30", "train.steps=20"], "the training loss is"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_settings_stop_in_one_line(project, kind):
    changes, said = BAD[kind]
    before = weights(project)
    done = project.run(["stemma", "compose", *changes], check=False)
    if done.returncode == 0:
        done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert weights(project) == before


def test_a_stage_started_by_itself_refuses_settings_that_have_drifted(project):
    conf = project.path / "conf/runtime/auto.yaml"
    conf.write_text(conf.read_text().replace("seed: 1", "seed: 2"))
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert "conf/ was edited" in done.stderr
    assert "stemma compose" in done.stderr


def test_a_missing_split_names_the_file_and_what_to_type(project):
    shutil.rmtree(project.path / "data/prepared")
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert "data/prepared" in done.stderr
    assert "dvc repro" in done.stderr


def test_tokens_of_another_tokenizer_stop_in_one_line(project):
    path = project.path / "data/prepared/train.tokens.npy"
    tokens = np.load(path)
    tokens[-2] = 400
    path.unlink()
    np.save(path, tokens)
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert "data/prepared holds id 400, but its tokenizer has 400 entries" in done.stderr
    assert done.stderr.count("\n") == 1


def test_tensorboard_has_the_curves_and_what_they_came_of(project):
    (events,) = project.path.glob("runs/train/*/events*")
    settings = yaml.safe_load((project.path / "params.yaml").read_text())
    section = settings["train"]
    name = f"{settings['model']['name']}-causal_lm-scratch-muon-lr{section['muon_learning_rate']:g}"
    assert events.parent.name.startswith(f"{name}-8steps-")
    found = EventAccumulator(str(events)).Reload()
    ((said,),) = [found.Tensors(tag) for tag in found.Tags()["tensors"]]
    (text,) = said.tensor_proto.string_val
    told = json.loads(text)["settings"]["train"]
    # A way of training that is not chosen is not told.
    assert told == {key: value for key, value in section.items() if key != "preference"}
    assert section["preference"] is None
    with (project.path / "reports/plots/training.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    for key in ("loss", "learning_rate", "muon_learning_rate"):
        drawn = {event.step: event.value for event in found.Scalars(f"train/{key}")}
        table = {int(row["step"]): float(row[key]) for row in rows}
        assert drawn == pytest.approx(table, rel=1e-4)
    assert len(found.Scalars("eval/loss")) == 2
    # They stay out of the version.
    assert project.run("git status --porcelain").stdout == ""


def test_what_it_was_made_on_stands_beside_the_model_and_outside_of_the_version(project):
    folder = project.path / "models/trained"
    facts = read_json(folder / "observed.json")
    assert facts["weights"] == weights(project)
    assert facts["processor"]["cores"] >= 1 and "torch" in facts["libraries"]
    exported = read_json(project.path / "models/exported/observed.json")
    assert exported["processor"] == facts["processor"]
    assert exported["weights"] == sha256_of(project.path / "models/exported/model.safetensors")
    told = project.run("stemma show").stdout
    assert f"made on      {facts['processor']['name']}" in told

    (folder / "observed.json").write_text(json.dumps({**facts, "processor": {"name": "other"}}))
    assert project.run("dvc status -q", check=False).returncode == 0
    # A note that speaks of other weights is not handed on.
    (folder / "observed.json").write_text(json.dumps({**facts, "weights": "0" * 64}))
    project.run("python -m stemma.stages.export")
    assert not (project.path / "models/exported/observed.json").exists()
    assert project.run("dvc status -q", check=False).returncode == 0
    assert "made elsewhere" in project.run("stemma show").stdout
