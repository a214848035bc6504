"""Searches on DVC's real experiments: killed and gone on with, ended early, queued, refused."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from project import Project, environment, heed_interrupts

from stemma.optimising import judging, losses, studies
from stemma.optimising.proposals import LIMITS, propose
from stemma.optimising.searching import is_within
from stemma.optimising.space import Constraints, distributions, read

# Far below the committed rate nothing is learnt: every proposal is worse than trial 0.
WORSE = {"train.muon_learning_rate": {"low": 1e-5, "high": 0.01, "log": True}}
BETTER = {"train.muon_learning_rate": {"low": 0.01, "high": 0.1}}
SPACE = {
    "budget": {
        "trials": 2,
        "overrides": [
            *("train.steps=12", "train.log_every=4", "train.evaluate_every=4"),
            *("train.checkpoint_every=4", "train.validation_blocks=40"),
        ],
    },
    "pruning": {"level": 0.05, "from": 0.3},
    "constraints": {
        "megabytes": 0.9, "first_token_ms": None, "token_ms": None, "memory_megabytes": None,
        "prompt_tokens": 8,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def place(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("search") / "project"
    made = Project(Path(shutil.copytree(built, folder, symlinks=True)))
    for name, keys in {"worse": WORSE, "better": BETTER}.items():
        path = made.path / f"conf/search/{name}.yaml"
        path.write_text(yaml.safe_dump({"keys": keys, **SPACE}))
    made.commit("Spaces")
    return made


def start(project: Project, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["stemma", "optimise", *words],
        cwd=project.path, env=environment(project.path), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_interrupts,
    )  # fmt: skip


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    while not (path.exists() and path.read_text().strip()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def found(project: Project, *words: str, code: int = 0) -> dict[str, Any]:
    done = project.run(["stemma", "optimise", *words, "--json"], check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def left_over(project: Project) -> list[str]:
    """Return copies of the project that DVC should have deleted, and what holds its locks."""
    exps = project.path / ".dvc/tmp/exps"
    copies = [path.name for path in (*exps.glob("tmp*"), *exps.glob("standalone/tmp*"))]
    held = [path.read_text() for path in exps.glob("rwlock")]
    return copies + [text for text in held if any(json.loads(text or "{}").values())]


def experiments(project: Project) -> list[str]:
    listed = project.run("dvc exp list --name-only").stdout.split()
    return sorted(listed)


@pytest.mark.soak
def test_a_search_that_is_killed_goes_on_where_it_was(place: Project):
    words = ("--space", "worse", "--name", "killed", "--seed", "3")
    folder = studies.folder_of("killed", place.path)
    # Ctrl-C as soon as DVC works: it ends in order, and nothing is left.
    first = start(place, *words)
    wait_for(folder / "killed-0000.pid", first)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate()
    assert first.returncode == 130 and said.splitlines()[-1] == "stemma: interrupted"
    assert experiments(place) == left_over(place) == []
    second = start(place, *words)
    wait_for(folder / "killed-0001.jsonl", second)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    table = losses.read(folder / "killed-0001.jsonl")
    before = (folder / "killed-0000.jsonl").stat().st_mtime_ns
    journal = (folder / "journal.jsonl").read_bytes()
    (folder / "journal.jsonl").write_bytes(journal + b'{"op_code": 7, "torn')
    told = found(place, *words)
    # What was done is not done again, what was half done is; of the old attempt nothing trains.
    assert (folder / "killed-0000.jsonl").stat().st_mtime_ns == before
    assert table is not None and not _trains(table.pid, place)
    assert [row["state"] for row in told["trials"]] == ["done", "ended early"]
    # Such short steps may all be done before anybody has looked.
    assert {row["step"] for row in told["trials"][1:]} <= {4, 8, 12}
    assert told["best"] == 0 and told["winner"] is None and told["trials"][0]["measured"]
    # A trial that ended early is in the study alone, and has left nothing.
    assert experiments(place) == ["killed-0000"] and left_over(place) == []
    # Another process proposes the same of the same results.
    kept = studies.load("killed", place.path)
    space, _ = read("worse", place.path)
    again = optuna.create_study()
    for trial in kept.trials:
        given = trial.params if trial.number == 0 else None
        asked = propose(again, distributions(space), "tpe", 3, given)
        assert asked.params == trial.params
        again.tell(asked, trial.value if trial.number == 0 else None, state=trial.state)


def _trains(pid: int, place: Project) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve().is_relative_to(place.path)
    except OSError:
        return False


def test_a_winner_that_the_gate_refuses(place: Project, tmp_path: Path):
    # Two workers of DVC's queue; the tiny test split is too small to tell, which does not pass.
    page = tmp_path / "search.html"
    words = ("--space", "better", "--name", "two", "--jobs", "2", "--html", str(page))
    told = found(place, *words, code=1)
    assert {row["state"] for row in told["trials"]} <= {"done", "ended early"}
    assert told["best"] != 0 and told["test"]["best"] < told["test"]["committed"]
    winner = told["winner"]
    assert winner["experiment"] in experiments(place)
    assert {"two-0000", f"two-{told['best']:04d}"} <= set(experiments(place))
    (gate, limits) = winner["gates"]
    assert gate["gate"] == "not_worse" and not gate["passed"]
    assert limits["gate"] == "footprint" and limits["passed"]
    assert not told["passed"] and left_over(place) == []
    # It is HEAD's recipe with other settings, in full; and the working tree is as it was.
    params = yaml.safe_load(place.run(["git", "show", f"{winner['commit']}:params.yaml"]).stdout)
    assert params["train"]["steps"] == 8 and params["train"]["validation_blocks"] == 4
    assert place.run("git status --porcelain").stdout == ""
    text = page.read_text()
    for heading in ("History", "Importance", "Parallel coordinates", "Curves"):
        assert f"<h2>{heading}</h2>" in text
    assert "<script src" not in text and text.count("plotly.js v") >= 1


def test_what_is_above_a_limit_is_no_best_trial(place: Project):
    head = place.run("git rev-parse HEAD").stdout.strip()
    for most, above in ((100.0, False), (0.001, True)):
        limits = Constraints(**SPACE["constraints"] | {"megabytes": most})
        measured, why = judging.measured(limits, "HEAD", head, place.path)
        assert 0.01 < measured["megabytes"] < 1
        assert ("at most 0.001 is asked" in why) is above
    study = optuna.create_study()
    for value, excess in ((1.0, 0.1), (2.0, -0.1), (3.0, 0.0)):
        study.add_trial(optuna.trial.create_trial(value=value, user_attrs={LIMITS: [excess]}))
    assert [is_within(trial) for trial in study.trials] == [False, True, True]
