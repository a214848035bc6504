"""Training a model in shards: as one process would, exact, resumable, and written whole."""

import signal
from pathlib import Path

import pytest
from killer import outputs
from project import Project, once
from safetensors.numpy import load_file
from several import BOUND, LONG, STAGE, TWO, begin, choose, losses, ranks, wait_for_checkpoint

from stemma.files import read_json

SHARDED = [*TWO, "runtime.parallel=fsdp"]


@pytest.fixture(scope="session")
def whole(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What two processes train in shards that nobody kills; do not write to it."""

    def train(folder: Path) -> None:
        choose(built, folder, *SHARDED, *LONG).run(STAGE)

    return Project(once(tmp_path_factory, "two-shards", train))


@pytest.mark.parametrize(
    ("optimizer", "count"), [pytest.param("muon", 4, marks=pytest.mark.soak), ("adamw", 2)]
)
def test_shards_train_as_one_process_does(built, tmp_path, optimizer, count):
    settings = [f"train.optimizer={optimizer}", "train.clip=1.0", "train.micro_batch_size=1"]
    one = choose(built, tmp_path / "one", *settings, "runtime.threads=1")
    several = choose(built, tmp_path / "two", *settings, *SHARDED, f"runtime.processes={count}")
    for project in (one, several):
        project.run(STAGE)
    for curve in ("training", "validation"):
        assert losses(several, curve) == pytest.approx(losses(one, curve), rel=BOUND)
    folders = [project.path / "models/trained" for project in (one, several)]
    facts = [read_json(folder / "training.json") for folder in folders]
    assert facts[1]["runtime"].pop("processes") == count
    assert facts[1]["runtime"].pop("parallel") == "fsdp"
    assert facts[0] == facts[1]
    expected, found = (load_file(folder / "model.safetensors") for folder in folders)
    assert expected.keys() == found.keys()
    for name, weight in expected.items():
        assert found[name] == pytest.approx(weight, abs=1e-2), name
    several.run("python -m stemma.stages.evaluate")


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(built, tmp_path, whole):
    project = choose(built, tmp_path / "project", *SHARDED, *LONG)
    process = begin(project)
    wait_for_checkpoint(project, process, 8)
    _, second = ranks(process)
    second.send_signal(signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert "process 2 of 2 was ended by SIGKILL, and all ended with it" in told
    assert "going on from step" in project.run(STAGE).stderr
    assert outputs(project) == outputs(whole)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["runtime.processes=1"], "but runtime.processes is 1"),
        (["train.optimizer=adafactor"], "but train.optimizer is 'adafactor'"),
    ],
)
def test_what_cannot_be_sharded_is_refused(built, tmp_path, settings, told):
    project = choose(built, tmp_path / "project", *SHARDED, *settings)
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert f"runtime.parallel is 'fsdp', {told}" in done.stderr
