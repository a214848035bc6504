"""Training in two processes: as one would, exact, resumable, and ended by the death of any."""

import signal
from pathlib import Path

import psutil
import pytest
from killer import outputs
from project import Project, once
from several import BOUND, LONG, STAGE, TWO, begin, choose, losses, ranks, wait_for_checkpoint

from stemma.files import read_json


@pytest.fixture(scope="session")
def whole(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What two processes train that nobody kills; do not write to it."""

    def train(folder: Path) -> None:
        choose(built, folder, *TWO, *LONG).run(STAGE)

    return Project(once(tmp_path_factory, "two-processes", train))


@pytest.mark.parametrize("optimizer", ["muon", pytest.param("adamw", marks=pytest.mark.soak)])
def test_two_processes_train_as_one_does(built, tmp_path, optimizer):
    one = choose(built, tmp_path / "one", f"train.optimizer={optimizer}", "runtime.threads=1")
    two = choose(built, tmp_path / "two", f"train.optimizer={optimizer}", *TWO)
    for project in (one, two):
        project.run(STAGE)
    for curve in ("training", "validation"):
        assert losses(two, curve) == pytest.approx(losses(one, curve), rel=BOUND)
    facts = [read_json(project.path / "models/trained/training.json") for project in (one, two)]
    assert "processes" not in facts[0]["runtime"]
    assert facts[1]["runtime"].pop("processes") == 2
    assert facts[0] == facts[1]


def test_the_death_of_one_ends_all_in_a_line_and_the_next_run_goes_on(built, tmp_path, whole):
    project = choose(built, tmp_path / "project", *TWO, *LONG)
    process = begin(project)
    wait_for_checkpoint(project, process, 8)
    first, second = ranks(process)
    second.send_signal(signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    said = [line for line in told.splitlines() if "stemma train:" in line]
    assert said == [
        "stemma train: process 2 of 2 was ended by SIGKILL, and all ended with it "
        "(type `dvc repro`: training goes on from the last checkpoint)"
    ], told
    assert "Traceback" not in told
    assert not first.is_running()
    assert "going on from step" in project.run(STAGE).stderr
    assert outputs(project) == outputs(whole)


def test_a_kill_of_the_launcher_leaves_no_process(built, tmp_path, whole):
    project = choose(built, tmp_path / "project", *TWO, *LONG)
    process = begin(project)
    wait_for_checkpoint(project, process, 4)
    both = list(ranks(process))
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(both, timeout=10)
    assert left == []
    project.run(STAGE)
    assert outputs(project) == outputs(whole)


def test_an_error_of_all_is_said_once(built, tmp_path):
    settings = ["train.batch_size=3", "train.micro_batch_size=3"]
    project = choose(built, tmp_path / "project", *TWO, *settings)
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "stemma train: train.batch_size 3 is no multiple of train.micro_batch_size 3 times "
        "2 processes (set one of them so that it is)\n"
    )


def test_a_launcher_of_another_number_is_refused(built, tmp_path):
    project = choose(built, tmp_path / "project")
    done = project.run("torchrun --standalone --nproc-per-node 2 -m stemma.stages.train", False)
    assert done.returncode == 1
    assert "runtime.processes is 1, but the launcher started 2" in done.stderr


def test_a_launcher_of_that_number_trains_the_same(built, tmp_path, whole):
    project = choose(built, tmp_path / "project", *TWO, *LONG)
    project.run("torchrun --standalone --nproc-per-node 2 -m stemma.stages.train")
    assert outputs(project) == outputs(whole)


def test_preferences_are_learned_from_in_one_process(built, tmp_path):
    settings = ["experiment=smollm2_lora_plays", "train=kto", "runtime.processes=2"]
    project = choose(built, tmp_path / "project", *settings)
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert "runtime.processes is 2, and train=kto learns from preferences in one" in done.stderr
