"""What is suggested next comes from the project's own settings and recipes."""

from pathlib import Path
from typing import Any

import pytest
from project import ROOT

from stemma.versions.facts.suggestions import suggestions

ANYWHERE = ["compare", "keep this version", "go back"]


def told(values: dict[str, Any], root: Path) -> dict[str, str]:
    return dict(suggestions({"values": values}, root))


def recipe(root: Path, name: str, content: str) -> None:
    folder = root / "conf/experiment"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(content)


def test_a_project_of_somebody_else_is_told_nothing_of_this_one(tmp_path: Path):
    assert list(told({"train": {"steps": 10}}, tmp_path)) == ANYWHERE
    assert [one.aim for one in suggestions(None, tmp_path)] == ANYWHERE
    assert "shakespeare" not in str(suggestions(None, tmp_path))


def test_a_setting_is_varied_from_what_it_is(tmp_path: Path):
    (tmp_path / "conf").mkdir()
    found = told({"train": {"steps": 10}}, tmp_path)
    assert found["try one setting"] == "dvc exp run -S train.steps=20"
    for values in ({}, {"train": {"rate": 1}}, {"train": 3}):
        assert list(told(values, tmp_path)) == ANYWHERE


def test_a_recipe_is_one_of_conf_that_is_not_in_force(tmp_path: Path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text("defaults: [_self_, {task: write}]\n")
    recipe(tmp_path, "a", "defaults: [{override /task: sort}]\n")
    recipe(tmp_path, "b", "defaults: [{override /model: big}]\n")
    recipe(tmp_path, "c", "steps: 1\n")

    def suggested(task: str, experiment: str | None) -> str:
        values = {"task": {"name": task}, "experiment": experiment}
        return told(values, tmp_path)["try another recipe"].rpartition("=")[2]

    assert suggested("write", None) == "b"
    assert suggested("write", "b") == "c"
    assert suggested("sort", None) == "a"
    # None of its task is left.
    assert suggested("sort", "a") == "b"


@pytest.mark.parametrize("content", ["a: [", "- a", "defaults: 3", ""])
def test_a_recipe_that_cannot_be_read_stops_nothing(tmp_path: Path, content: str):
    recipe(tmp_path, "torn", content)
    assert list(told({}, tmp_path))[-3:] == ANYWHERE


def test_the_recipes_of_this_project():
    found = told({"task": {"name": "causal_lm"}, "experiment": None}, ROOT)
    assert found["try another recipe"] == "dvc exp run -S experiment=gpt2_shakespeare"
