"""Spaces as users write them: what is taken, and one line for what is not."""

from pathlib import Path

import pytest
import yaml
from project import ROOT, Project
from refusing import refused, run

from stemma.config import digest_of_conf
from stemma.optimising import space

GOOD = {
    "keys": {"train.momentum": {"low": 0.5, "high": 0.98}},
    "budget": {"trials": 3, "overrides": ["train.steps=4"]},
    "pruning": {"level": 0.05, "from": 0.5},
    "constraints": {
        "megabytes": None, "first_token_ms": None, "token_ms": None, "memory_megabytes": None,
        "prompt_tokens": 8,
    },
}  # fmt: skip
# What is changed of it -> what is said.
BAD = {
    "unknown key": ({"keys": {"train.nonsense": {"low": 1, "high": 2}}}, "train.nonsense is no s"),
    "a section": ({"keys": {"train": {"low": 1, "high": 2}}}, "train is no setting"),
    "other data": ({"keys": {"tokenizer.vocab_size": {"low": 300, "high": 400}}}, "same tokens"),
    "other blocks": ({"keys": {"train.sequence_length": {"low": 4, "high": 8}}}, "be searched"),
    "low above high": ({"keys": {"train.momentum": {"low": 0.9, "high": 0.5}}}, "not below high"),
    "no logarithm": ({"keys": {"train.warmup": {"low": 0, "high": 1, "log": True}}}, "logarithm"),
    "no range": ({"keys": {"train.momentum": {"low": 0.9}}}, "train.momentum has low"),
    "no numbers": ({"keys": {"train.momentum": {"low": "a", "high": "b"}}}, "no numbers"),
    "no choices": ({"keys": {"train.schedule": {"choices": []}}}, "no list of values"),
    "impossible end": ({"keys": {"train.momentum": {"low": 0.5, "high": 7}}}, "cannot be 7"),
    "impossible choice": (
        {"keys": {"train.schedule": {"choices": ["linear", "no"]}}},
        "train.schedule cannot be 'no'",
    ),
    "without what is committed": (
        {"keys": {"train.momentum": {"low": 0.1, "high": 0.2}}},
        "train.momentum is 0.95 in params.yaml",
    ),
    "no keys": ({"keys": {}}, "has no keys"),
    "budget of a key": (
        {"budget": {"trials": 3, "overrides": ["train.momentum=0.9"]}},
        "budget.overrides sets train.momentum",
    ),
    "budget of other data": (
        {"budget": {"trials": 3, "overrides": ["source=files"]}},
        "budget.overrides sets source",
    ),
    "budget of nothing": (
        {"budget": {"trials": 3, "overrides": ["train.nonsense=1"]}},
        "train.nonsense",
    ),
    "no trials": ({"budget": {"trials": 0, "overrides": []}}, "budget.trials"),
    "unknown section": ({"objective": 1}, "unknown key 'objective'"),
    "impossible level": ({"pruning": {"level": 2, "from": 0.5}}, "pruning.level"),
    "impossible limit": (
        {"constraints": GOOD["constraints"] | {"megabytes": -1}},
        "constraints.megabytes",
    ),
}


def write(folder: Path, **changes: object) -> None:
    (folder / "conf/search").mkdir(exist_ok=True)
    (folder / "conf/search/mine.yaml").write_text(yaml.safe_dump(GOOD | changes))


@pytest.fixture(scope="module")
def place(built, tmp_path_factory) -> Project:
    import shutil

    folder = tmp_path_factory.mktemp("space") / "project"
    made = Project(Path(shutil.copytree(built, folder, symlinks=True)))
    write(made.path)
    made.commit("A space")
    return made


@pytest.fixture
def clean(place: Project):
    yield place
    place.run("git checkout -q .")


def commit(project: Project) -> None:
    project.run("git commit -qam changed")


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_a_line(clean: Project, monkeypatch, case: str):
    changes, said = BAD[case]
    write(clean.path, **changes)
    # Its text is what is wrong, not that it is not committed.
    monkeypatch.setattr("stemma.optimising.verb._head", lambda root: "0" * 40)
    assert said in refused(clean.path, "optimise", "--space", "mine", "--dry-run")


def test_what_is_asked_wrongly_is_said_in_a_line(clean: Project):
    asked = ["optimise", "--dry-run", "--space"]
    assert "conf/search/ has default, mine" in refused(clean.path, *asked, "none")
    line = refused(clean.path, *asked, "mine", "--metric", "bits_per_byte")
    assert "there are loss, worst_loss" in line and "test split" in line
    assert "no name for a study" in refused(clean.path, *asked, "mine", "--name", "a/b")
    (clean.path / "conf/search/mine.yaml").write_text("keys: [")
    assert "mine.yaml cannot be read" in refused(clean.path, *asked, "mine")
    write(clean.path, budget={"trials": 4, "overrides": []})
    assert "mine.yaml is not as HEAD has it" in refused(clean.path, *asked, "mine")


def test_a_project_without_a_gate_for_winners(clean: Project, monkeypatch):
    (clean.path / "conf/gates/staging.yaml").write_text("not_worse: null\n")
    (clean.path / "conf/gates/prod.yaml").write_text("defaults: [staging, _self_]\n")
    monkeypatch.setattr("stemma.optimising.verb._head", lambda root: "0" * 40)
    line = refused(clean.path, "optimise", "--space", "mine", "--dry-run")
    assert "not_worse, which a winner must pass" in line


def test_a_missing_package_is_named_with_what_to_type(clean: Project, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    line = refused(clean.path, "optimise", "--space", "mine", "--dry-run")
    assert "optuna is not installed" in line and "'.[search]'" in line


def test_a_dry_run_says_what_would_be_done_and_begins_nothing(clean: Project):
    done = run(clean.path, "optimise", "--space", "conf/search/mine.yaml", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "3 trials by tpe over conf/search/mine.yaml" in done.stdout
    assert not (clean.path / "runs/optimise").exists()


def test_an_edit_of_a_space_changes_no_version(clean: Project):
    before = digest_of_conf(clean.path / "conf")
    write(clean.path, budget={"trials": 4, "overrides": []})
    assert digest_of_conf(clean.path / "conf") == before
    assert run(clean.path, "compose", "--check").exit_code == 0


@pytest.mark.parametrize("path", sorted((ROOT / "conf/search").glob("*.yaml")))
def test_every_space_of_the_project_holds(path: Path, monkeypatch):
    monkeypatch.chdir(ROOT)
    found, where = space.read(path.stem)
    overrides, values = space.committed(found, where)
    assert values["train"]["steps"] == 62 and overrides
    assert set(space.values_of(found, values)) == set(space.distributions(found))
