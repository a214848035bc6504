"""A project of one's own finds our groups, and its own before them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from project import Project, environment

from stemma.config import read_params


class Owned(Project):
    """A project that has none of our code, and only its own choices."""

    def run(
        self, command: str | list[str], check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command.split() if isinstance(command, str) else command,
            cwd=self.path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def params(self) -> dict:
        return read_params(self.path / "params.yaml")


@pytest.fixture
def owned(project: Project) -> Owned:
    for part in ("src", *(f"conf/{one}" for one in ("model", "train", "task", "source", "gates"))):
        shutil.rmtree(project.path / part)
    pipeline = project.path / "dvc.yaml"
    lines = pipeline.read_text().splitlines(keepends=True)
    pipeline.write_text("".join(line for line in lines if "- src/stemma" not in line))
    return Owned(project.path)


def test_our_groups_are_found(owned: Owned) -> None:
    before = owned.params()
    # No value changed; that the code has other names here than in a checkout is told.
    told = owned.run("stemma compose").stdout.splitlines()
    assert told and all(" has other code: " in line for line in told)
    after = owned.params()
    assert {**before, "composed": None} == {**after, "composed": None}
    assert before["composed"]["overrides"] == after["composed"]["overrides"]


def test_a_choice_of_ours_is_a_choice_in_the_record(owned: Owned) -> None:
    owned.run("stemma compose model=llama_nano train.steps=3")
    record = owned.params()["composed"]
    # The recipe of the tests sets more of a model than its name.
    assert "model=llama_nano" in record["overrides"] and "train.steps=3" in record["overrides"]
    assert "params.yaml is what conf/ composes to" in owned.run("stemma compose --check").stdout


def test_a_file_of_the_project_wins(owned: Owned) -> None:
    model = owned.path / "conf/model/gpt2_nano.yaml"
    model.parent.mkdir()
    ours = Path(__file__).parents[1] / "conf/model/gpt2_nano.yaml"
    model.write_text(ours.read_text().replace("dropout: 0.0", "dropout: 0.25"))
    owned.run("stemma compose")
    assert owned.params()["model"]["dropout"] == 0.25


def test_dvc_finds_them_too(owned: Owned) -> None:
    owned.run("stemma compose")
    owned.commit("of one's own")
    owned.run("dvc exp run compose -S model=llama_nano -S train.steps=3")
    assert owned.params()["model"]["name"] == "llama_nano"
    assert owned.params()["train"]["steps"] == 3


def test_what_nobody_has_is_refused(owned: Owned) -> None:
    done = owned.run("stemma compose model=nobodys", check=False)
    assert done.returncode == 1 and "nobodys" in done.stderr and "llama_nano" in done.stderr
