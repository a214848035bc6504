"""A train that is killed, anywhere and again and again, ends with the bytes of one that was not."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from killer import Killer, gone_on_from
from project import Project, environment, once

from stemma.corpus.packing import read_split
from stemma.files import read_json, sha256_of
from stemma.modeling.examples.packed import PackedBlocks

STEPS, EVERY, LENGTH, BATCH = 30, 4, 32, 16
# Most of the text is held out: epochs are short, and so is a run of three of them.
SHARED = [
    *("prepare.split.validation=0.45", "prepare.split.test=0.45", f"train.steps={STEPS}"),
    *(f"train.batch_size={BATCH}", f"train.sequence_length={LENGTH}"),
    *(f"train.checkpoint_every={EVERY}", "train.evaluate_every=10"),
]
RECIPES = {
    "muon": ["train.optimizer=muon", "model.dropout=0.2", "train.micro_batch_size=4"],
    "adamw": [
        *("train.optimizer=adamw", "train.schedule=cosine", "model.dropout=0.0"),
        f"train.micro_batch_size={BATCH}",
    ],
    "adafactor": [
        *("train.optimizer=adafactor", "train.schedule=warmup_stable_decay", "train.warmup=0.2"),
        *("train.decay=0.5", "train.gradient_checkpointing=true", "train.across_documents=false"),
        *("model.dropout=0.2", "train.micro_batch_size=8"),
    ],
    "llama": [
        *("model=llama_nano", "train.schedule=constant", "train.across_documents=false"),
        *("model.kv_heads=1", "model.feed_forward=48", "train.clip=1.0"),
    ],
    "stopping": [
        *("train.optimizer=adamw", "train.schedule=constant", "train.learning_rate=0.05"),
        *("train.patience=2", f"train.evaluate_every={EVERY}", "model.dropout=0.2"),
    ],
}
OUTPUTS = [
    *("models/trained/model.safetensors", "models/trained/training.json"),
    *("reports/plots/training.csv", "reports/plots/validation.csv"),
]
SEED = "STEMMA_TEST_SEED"


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """Draws other points in each run; a test that fails says how to draw the same again."""
    seed = os.environ.get(SEED) or str(random.SystemRandom().randrange(10**9))
    print(f"the same points again: {SEED}={seed} pytest -n 1 '{request.node.nodeid}'")
    return random.Random(seed)


def digests(project: Project) -> dict[str, str]:
    return {name: sha256_of(project.path / name) for name in OUTPUTS}


def locked(project: Project) -> dict[str, str]:
    outs = yaml.safe_load((project.path / "dvc.lock").read_text())["stages"]["train"]["outs"]
    return {out["path"]: out["md5"] for out in outs}


def left_over(project: Project) -> list[str]:
    found = [*project.path.glob("runs/train/*/checkpoints"), *project.path.rglob("*.partial")]
    return [str(path.relative_to(project.path)) for path in found]


@pytest.fixture(
    params=[
        "muon",
        *(
            pytest.param(name, marks=pytest.mark.soak)
            for name in RECIPES
            if name not in ("muon", "stopping")
        ),
    ]
)
def recipe(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def small(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny version with little text to train on, prepared; do not write to it."""

    def prepare(folder: Path) -> None:
        project = Project(Path(shutil.copytree(built, folder, symlinks=True)))
        project.run(["stemma", "compose", *SHARED])
        project.run("dvc repro prepare")

    return once(tmp_path_factory, "small", prepare)


def start(small: Path, folder: Path, recipe: str) -> Project:
    """Copy the project and choose a recipe with which nothing has been trained there."""
    project = Project(Path(shutil.copytree(small, folder, symlinks=True)))
    project.run(["stemma", "compose", *RECIPES[recipe]])
    return project


@pytest.fixture
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory, recipe: str) -> Project:
    """The version of a recipe that was trained without a kill; do not write to it."""

    def train(folder: Path) -> None:
        start(small, folder, recipe).run("dvc repro train")

    return Project(once(tmp_path_factory, f"whole-{recipe}", train))


@pytest.fixture
def started(small: Path, tmp_path: Path, recipe: str) -> Project:
    """A project with the settings of a recipe, to train in and to be killed in."""
    return start(small, tmp_path / "project", recipe)


def kill_in_a_row(killer: Killer, project: Project, points: list[tuple[str, int]]) -> None:
    """Kill at one point after the other; with each stands the checkpoint that must be left."""
    left = 0
    for point, checkpoint in points:
        found = killer(project, point)
        assert found == left, f"{point} went on from {found}, not {left}: {points}"
        left = checkpoint


def test_what_is_killed_is_in_the_middle_of_an_epoch_and_of_epochs(small):
    split = read_split(small / "data/prepared", "train")
    epoch = PackedBlocks(split, LENGTH, STEPS * BATCH, seed=1).per_epoch
    assert 2 * EVERY * BATCH < epoch < (STEPS - 2 * EVERY) * BATCH
    assert epoch % BATCH and (STEPS * BATCH) % epoch and STEPS % EVERY


def test_kills_at_random_steps(killer, started, whole, recipe, draw):
    micro_batches = recipe == "muon"
    points = []
    for number in sorted(draw.sample(range(1, STEPS), 4)):
        if micro_batches and draw.random() < 0.5:
            # So many steps are done, and one micro-batch or more of the next.
            points.append((f"micro-batch {number}", number // EVERY * EVERY))
        else:
            points.append((f"step {number}", (number - 1) // EVERY * EVERY))
    kill_in_a_row(killer, started, points)
    started.run("dvc repro train")
    assert digests(started) == digests(whole), points
    assert locked(started) == locked(whole), points
    assert left_over(started) == []


@pytest.mark.parametrize("recipe", ["muon"], indirect=True)
def test_kills_while_checkpoints_are_written_and_deleted(killer, started, whole):
    points = [
        ("weights 8", 4),
        ("optimizer 12", 8),
        ("unsealed 16", 12),
        ("sealing 20", 16),
        # 24 is written and not yet sealed, and half of 16 is gone.
        ("deleting 16", 20),
        # That half must not count as one of the two checkpoints that are kept.
        ("unsealed 24", 20),
    ]
    kill_in_a_row(killer, started, points)
    # The next run deletes what is torn before it says where it goes on.
    killer(started, "deleting 24")
    assert killer(started, "optimizer 28") == 20
    assert killer(started, "never") == 24
    assert digests(started) == digests(whole)
    assert left_over(started) == []


@pytest.mark.parametrize("recipe", ["muon"], indirect=True)
def test_kills_after_the_last_step(killer, started, whole):
    before = digests(started)
    trained = [name for name in OUTPUTS if name.startswith("models")]
    for point in ("curves", "trained"):
        killer(started, point)
        after = digests(started)
        assert {name: after[name] for name in trained} == {name: before[name] for name in trained}
    assert killer(started, "swapping") == STEPS
    assert not (started.path / "models/trained").exists()
    assert killer(started, "swapped") == STEPS
    assert digests(started) == digests(whole)
    assert killer(started, "cleaning") == STEPS
    assert digests(started) == digests(whole)
    killer(started, "never")
    assert digests(started) == digests(whole)
    assert left_over(started) == []


@pytest.mark.soak
@pytest.mark.parametrize("recipe", ["stopping"], indirect=True)
def test_kills_of_a_run_that_stops_early(killer, started, whole):
    best = read_json(whole.path / "models/trained/training.json")["steps"]
    curve = (whole.path / "reports/plots/validation.csv").read_text().splitlines()
    end = int(curve[-1].split(",")[0])
    assert best + 2 * EVERY == end < STEPS
    # At the step where it ends nothing is saved that another run could go on from.
    before = end - EVERY
    points = [(f"step {best + 1}", best), (f"step {end}", before)]
    kill_in_a_row(killer, started, [*points, ("curves", before), ("swapped", before)])
    started.run("dvc repro train")
    assert digests(started) == digests(whole)
    assert locked(started) == locked(whole)
    assert left_over(started) == []


@pytest.mark.parametrize("recipe", ["muon"], indirect=True)
def test_a_kill_of_dvc_and_all_its_processes(started, whole, draw):
    wanted = draw.randrange(EVERY, STEPS - 2 * EVERY, EVERY)
    process = subprocess.Popen(
        ["dvc", "repro", "train"],
        cwd=started.path,
        env=environment(started.path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    seal = f"runs/train/*/checkpoints/checkpoint-{wanted}/seal.json"
    while not list(started.path.glob(seal)):
        assert process.poll() is None and time.monotonic() < deadline, f"no checkpoint {wanted}"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (started.path / "models/trained").exists()
    assert gone_on_from(started.run("dvc repro train").stderr) >= wanted
    assert digests(started) == digests(whole), wanted
    assert locked(started) == locked(whole), wanted
    assert left_over(started) == []


@pytest.mark.parametrize("recipe", ["adamw"], indirect=True)
def test_other_settings_data_environment_or_code_start_anew(killer, started, monkeypatch):
    killer(started, "step 6")
    monkeypatch.chdir(started.path)
    code = [f"src/stemma/{name}.py" for name in ("stages/train", "modeling/training/optimizers")]
    edits = {
        "params.yaml": lambda text: text.replace(b"learning_rate: 0.03", b"learning_rate: 0.04", 1),
        # The last token but one of 16 bits.
        "data/prepared/train.tokens.npy": lambda ids: ids[:-4] + bytes([ids[-4] ^ 1]) + ids[-3:],
        "environment.lock": lambda text: text + b"# another\n",
        # A run is named after its section of code.lock; tests/test_code.py asks what is in it.
        **dict.fromkeys(code, lambda text: text + b"ANOTHER = True\n"),
    }
    went_on = [name for name, edit in edits.items() if killer_after(edit, name, killer, started)]
    assert went_on == []
    started.run("stemma compose")
    assert killer(started, "start") == 4


def killer_after(
    edit: Callable[[bytes], bytes], name: str, killer: Killer, project: Project
) -> int:
    """Edit a file, see from which step the stage goes on, and undo the edit."""
    path = project.path / name
    content = path.read_bytes()
    assert edit(content) != content
    # DVC's cache has a link to some of them.
    path.unlink()
    path.write_bytes(edit(content))
    if path.suffix == ".py":
        project.run("stemma compose")  # else the stage refuses code that code.lock does not have
    step = killer(project, "start")
    path.write_bytes(content)
    return step
