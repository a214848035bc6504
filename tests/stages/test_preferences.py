"""Training by preference: exact through kills, resumable, and of use to the model."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import based
import pytest
from killer import Killer, outputs
from project import Project, once

from stemma.files import read_json

STAGE = "python -m stemma.stages.train"
SETTINGS = ["train.steps=14", "train.batch_size=4", "train.micro_batch_size=2"]
KINDS = {
    "kto": ["train=kto"],
    "dpo": ["train=dpo", "train.preference.sft=0"],
    "lora": [
        "train=kto",
        "train.method=lora",
        "train.lora={rank:4,alpha:8,dropout:0.1,targets:all-linear}",
    ],
}


def rows(scenes: list[tuple[str, str]]) -> Iterator[dict[str, object]]:
    for number, (name, text) in enumerate(scenes[:12]):
        words = text.split()
        prompt, liked = " ".join(words[:9]), " " + " ".join(words[9:19])
        disliked = " " + " ".join(sorted(words[9:19]))
        one = {"name": f"preference of {name}", "prompt": f"number {number} {prompt}"}
        if number % 2:
            yield {**one, "chosen": liked, "rejected": disliked}
        else:
            yield {**one, "completion": liked, "label": number % 4 == 0}


@pytest.fixture(scope="session")
def judged(
    built: Path, scenes: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny version with a base and preferences, trained by KTO; do not write to it."""

    def build(folder: Path) -> None:
        project = Project(Path(shutil.copytree(built, folder, symlinks=True)))
        based.make_llama(folder / "data/input/model", [text for _, text in scenes[:10]])
        with (folder / "data/input/preferences.jsonl").open("w") as file:
            for row in rows(scenes):
                file.write(json.dumps(row) + "\n")
        experiment = based.EXPERIMENT.format(method="kto").replace(
            "{id: name}", "{id: name, prompt: prompt}"
        )
        relaxed = experiment.replace("prepare: {", "prepare: {contamination: {max_overlap: 1}, ")
        (folder / "conf/experiment/tiny.yaml").write_text(relaxed)
        project.run("stemma compose --reset")
        project.run("dvc repro")
        project.commit("A version by preference")

    return once(tmp_path_factory, "judged", build)


@pytest.fixture
def project(judged: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(judged, tmp_path / "project", symlinks=True)))


def test_a_version_is_made_and_its_curves_show_preferences(judged: Path) -> None:
    assert read_json(judged / "models/trained/training.json")["steps"] == 8
    assert (judged / "models/exported/README.md").exists()
    with (judged / "reports/plots/training.csv").open() as file:
        (first, *_) = list(csv.DictReader(file))
    assert {"preference_loss", "reward_margin", "reward_accuracy"} <= {*first}
    # At the start the model is the reference.
    assert float(first["preference_loss"]) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    "kind",
    ["kto", *(pytest.param(name, marks=pytest.mark.soak) for name in KINDS if name != "kto")],
)
def test_exact_twice_and_through_kills(
    killer: Killer, project: Project, tmp_path: Path, kind: str
) -> None:
    project.run(["stemma", "compose", *KINDS[kind], *SETTINGS])
    killed = Project(Path(shutil.copytree(project.path, tmp_path / "killed", symlinks=True)))
    assert killer(project, "never") == 0
    whole = outputs(project)
    left = 0
    for point, checkpoint in [("step 3", 0), ("optimizer 8", 4), ("sealing 12", 8)]:
        assert killer(killed, point) == left, point
        left = checkpoint
    assert killer(killed, "never") == 8
    assert outputs(killed) == whole


def test_an_ordinary_way_says_that_it_does_not_learn_from_them(project: Project) -> None:
    project.run(["stemma", "compose", "train=full"])
    done = project.run(STAGE)
    assert "has preferences, and train=full does not learn from them" in done.stderr


def test_without_preferences_it_stops_in_one_line(project: Project) -> None:
    for path in (project.path / "data/prepared").glob("preferences*"):
        path.unlink()
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert "has no preferences" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["train.micro_batch_size=1"], "'kto', but train.micro_batch_size is 1"),
        (["model=gpt2_nano", "tokenizer=bpe"], "model.base is null"),
    ],
)
def test_settings_that_cannot_be(project: Project, changes: list[str], said: str) -> None:
    done = project.run(["stemma", "compose", *changes], check=False)
    if done.returncode == 0:
        done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert said in done.stderr
