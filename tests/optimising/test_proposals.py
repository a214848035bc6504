"""The same seed and the same results give the same proposals, in whichever process."""

import json
from pathlib import Path

import optuna
import pytest

from stemma.errors import SettingsError
from stemma.optimising import studies
from stemma.optimising.proposals import propose
from stemma.store.errors import DamagedError, ProjectError

SPACE = {
    "rate": optuna.distributions.FloatDistribution(1e-3, 1.0, log=True),
    "kind": optuna.distributions.CategoricalDistribution(["a", "b"]),
}
GIVEN = {"rate": 0.1, "kind": "a"}
MADE_WITH = {"seed": 1}


def value(settings: dict) -> float:
    return abs(settings["rate"] - 0.02) + (settings["kind"] == "a") * 0.01


def search(study: optuna.Study, kind: str, until: int, seed: int = 1) -> None:
    while (number := len(study.trials)) < until:
        trial = propose(study, SPACE, kind, seed, GIVEN if number == 0 else None)
        if number % 4 == 3:
            trial.report(1.0, 5)
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, value(trial.params))


def settings(study: optuna.Study) -> list[dict]:
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("kind", ["tpe", "random"])
def test_a_study_that_goes_on_proposes_what_a_whole_one_does(tmp_path: Path, kind: str):
    whole = optuna.create_study()
    search(whole, kind, 14)
    for until in (5, 9, 14):
        with studies.opened("s", MADE_WITH, SPACE, tmp_path) as parts:
            search(parts, kind, until)
    assert settings(studies.load("s", tmp_path)) == settings(whole)
    assert settings(whole)[0] == GIVEN
    assert len({str(one) for one in settings(whole)}) > 10
    other = optuna.create_study()
    search(other, kind, 3, seed=2)
    assert settings(other)[2] != settings(whole)[2]


def test_tpe_looks_where_it_was_good():
    by = {}
    for kind in ("tpe", "random"):
        study = optuna.create_study()
        search(study, kind, 40)
        by[kind] = sorted(value(trial.params) for trial in study.trials[20:])[10]
    assert by["tpe"] < by["random"]


@pytest.mark.parametrize("lost", [1, 60, 200, 400])
def test_a_kill_while_a_trial_is_proposed(tmp_path: Path, lost: int):
    whole = optuna.create_study()
    search(whole, "tpe", 8)
    with studies.opened("s", MADE_WITH, SPACE, tmp_path) as study:
        search(study, "tpe", 7)
        propose(study, SPACE, "tpe", 1)
    path = studies.folder_of("s", tmp_path) / "journal.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    with studies.opened("s", MADE_WITH, SPACE, tmp_path) as study:
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            assert trial.params == settings(whole)[trial.number]  # whole: it is gone on with
            study.tell(trial.number, value(trial.params))
        search(study, "tpe", 8)
        assert settings(study)[7] == settings(whole)[7]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_one_process_at_a_time_and_with_what_it_was_begun_with(tmp_path: Path):
    with (
        studies.opened("s", MADE_WITH, SPACE, tmp_path),
        pytest.raises(ProjectError, match="under way in another process"),
        studies.opened("s", MADE_WITH, SPACE, tmp_path),
    ):
        pass
    with (
        pytest.raises(SettingsError, match="begun with another seed: 1 is now 2"),
        studies.opened("s", {"seed": 2}, SPACE, tmp_path),
    ):
        pass


def test_a_journal_that_is_torn_in_the_middle(tmp_path: Path):
    with studies.opened("s", MADE_WITH, SPACE, tmp_path) as study:
        search(study, "tpe", 3)
    path = studies.folder_of("s", tmp_path) / "journal.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:300] + b"\0\n" + content[310:])
    with (
        pytest.raises(DamagedError, match=r"journal.jsonl is torn"),
        studies.opened("s", MADE_WITH, SPACE, tmp_path),
    ):
        pass
