"""The losses of held-out examples: what is written, and that no weight knows of it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from project import Project
from transformers import TrainerCallback

from stemma.config import load
from stemma.corpus.packing import read_split
from stemma.files import sha256_of
from stemma.layout import PREPARED, TRAINED
from stemma.modeling.examples import held_out
from stemma.modeling.examples.packed import held_out_starts
from stemma.stages import train


class Nothing(TrainerCallback):
    """Stands in for the one that measures."""

    def __init__(self, *_: object) -> None:
        pass


def trained(name: str, monkeypatch: pytest.MonkeyPatch, kind: type) -> dict[str, str]:
    monkeypatch.setattr(held_out, "HeldOutLosses", kind)
    train.run(load(train.TrainSettings))
    Path("runs").rename(name)
    files = [path for path in sorted(TRAINED.iterdir()) if path.name != "observed.json"]
    return {path.name: sha256_of(path) for path in files}


def test_a_training_writes_them_and_its_model_is_the_same(project: Project, monkeypatch):
    monkeypatch.chdir(project.path)
    Path("runs").rename("before")
    measured = trained("with", monkeypatch, held_out.HeldOutLosses)
    assert measured == trained("without", monkeypatch, Nothing)
    (path,) = (project.path / "with").glob(f"train/*/{held_out.FILE}")
    assert not list((project.path / "without").glob(f"train/*/{held_out.FILE}"))
    about, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert about["pid"] == os.getpid() and about["steps"] == 8
    assert [line["step"] for line in lines] == [4, 8]
    # The mean of the blocks is what Trainer measures.
    table = np.genfromtxt("reports/plots/validation.csv", delimiter=",", names=True)
    for line, loss in zip(lines, table["loss"], strict=True):
        assert np.mean(line["losses"]) == pytest.approx(loss, rel=1e-4)
    split = read_split(PREPARED, "validation")
    starts = held_out_starts(split, 32, 4)
    assert len(about["documents"]) == len(starts) == 4
    for document, start in zip(about["documents"], starts, strict=True):
        assert split.offsets[document] <= start + 16 < split.offsets[document + 1]
