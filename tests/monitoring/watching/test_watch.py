"""What `stemma watch` finds in what a server has recorded."""

import dataclasses
import json
import sqlite3
from pathlib import Path

import pytest
from refusing import refused, run
from released import Released
from watched import HOUR, NOW, fill, reference

from stemma.errors import SettingsError, StemmaError
from stemma.monitoring import reference as kept
from stemma.monitoring.records import Finished
from stemma.monitoring.store import FILE
from stemma.monitoring.watching import watch
from stemma.monitoring.watching.features import FAULTS, FEATURES
from stemma.monitoring.watching.settings import read
from stemma.monitoring.watching.verb import Watch
from stemma.serving.canary import OURS

SMALL = "sample: 100\nfeedback: 32\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that served alpha two days ago, as it should be."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/watch.yaml").write_text(SMALL)
    fill(tmp_path, 150, NOW - 60 * HOUR, NOW - 40 * HOUR, thumbs=2)
    return tmp_path


def look(root: Path, **given: object) -> Watch:
    return watch(**{"version": "alpha", "now": NOW + 5, "root": root} | given)


def drifted(found: Watch, column: int = 0) -> list[str]:
    return [one.feature for one in found.columns[column].findings if one.alarms]


def unsure(found: Watch) -> dict[str, str]:
    told = found.columns[0].findings
    return {one.feature: one.why for one in told if one.verdict == "cannot tell"}


def test_calm(root: Path):
    fill(root, 150, NOW - 20 * HOUR, NOW, seed=2, thumbs=2)
    found = look(root)
    assert not found.alarms and unsure(found) == {"probes": "no reference"}
    assert {one.against for one in found.columns[0].findings if one.verdict == "ok"} == {"first"}
    assert found.columns[0].requests == sum(one.requests for one in found.columns[0].parts) == 150
    assert "is a folder" in found.remarks[0]


def german(one: Finished, number: int) -> Finished:
    return dataclasses.replace(
        one, prompts=["Sein oder Nichtsein, das ist hier die Frage, mein Herr"]
    )


def failing(one: Finished, number: int) -> Finished:
    return dataclasses.replace(one, failure="engine") if number % 4 == 0 else one


def slow(one: Finished, number: int) -> Finished:
    return dataclasses.replace(one, seconds=3 * one.seconds)


def quick(one: Finished, number: int) -> Finished:
    assert one.first
    return dataclasses.replace(one, first=one.first / 9, seconds=one.seconds / 9)


def empty(one: Finished, number: int) -> Finished:
    return dataclasses.replace(one, texts=("",)) if number % 3 == 0 else one


def refusing(one: Finished, number: int) -> Finished:
    return dataclasses.replace(one, texts=("I can't say that.",)) if number % 3 == 0 else one


def cut(one: Finished, number: int) -> Finished:
    return dataclasses.replace(one, finishes=("length",), completion_tokens=64)


@pytest.mark.parametrize(
    ("change", "features"),
    [
        (german, {"language"}),
        (failing, {"failures"}),
        (slow, {"seconds_per_token"}),
        (empty, {"empty"}),
        (refusing, {"refusals"}),
        (cut, {"truncated", "answer_length"}),
    ],
)
def test_what_changes_alarms(root: Path, change, features: set[str]):
    fill(root, 200, NOW - 20 * HOUR, NOW, seed=2, change=change)
    found = look(root)
    assert features <= set(drifted(found)), found.columns[0].findings
    assert not set(drifted(found)) & {"nats", "length", "states"}
    if change is slow:
        assert "stemma rollback prod" in " ".join(found.alarms)


def test_what_the_model_says_and_what_people_say(root: Path):
    fill(root, 200, NOW - 20 * HOUR, NOW, seed=2, shift=1.0, thumbs=2, down=0.9)
    assert set(drifted(look(root))) == {"nats", "states", "thumbs_down"}


def test_faster_is_no_alarm(root: Path):
    fill(root, 200, NOW - 20 * HOUR, NOW, seed=2, change=quick)
    found = {one.feature: one for one in look(root).columns[0].findings}
    assert found["first_token"].p < 1e-9 and found["first_token"].verdict == "ok"


def test_traffic_decides_nothing(root: Path):
    """Ten times the requests say the same with the same number of values."""
    fill(root, 1500, NOW - 20 * HOUR, NOW, seed=2, shift=0.15)
    for one in look(root).columns[0].findings:
        assert one.values in ((0, 0), (100, 100), (32, 32)), one


def test_too_few(root: Path):
    fill(root, 99, NOW - 20 * HOUR, NOW, seed=2, shift=3.0)
    found = look(root)
    assert not found.alarms and unsure(found)["nats"] == "99 of 100"
    assert unsure(found)["thumbs_down"] == "0 of 32"


def test_one_asker_is_not_all(root: Path):
    """Who asks most is no more than needed of the sample."""

    def flood(one: Finished, number: int) -> Finished:
        return german(dataclasses.replace(one, who="robot"), number) if number % 2 else one

    fill(root, 2000, NOW - 20 * HOUR, NOW, seed=2, change=flood)
    (language,) = [one for one in look(root).columns[0].findings if one.feature == "language"]
    assert language.window < 0.1 if language.why == "de" else language.window > 0.9


def test_a_look_before_the_next_grid_point_is_the_same(root: Path):
    fill(root, 150, NOW - 20 * HOUR, NOW + HOUR, seed=2)
    found = look(root)
    assert look(root, now=NOW + 500) == found
    assert look(root, now=NOW + 700).until == found.until + 600


def test_the_first_requests_are_not_in_the_window(root: Path):
    found = look(root, window=100 * HOUR)
    assert unsure(found)["language"] == "50 of 100", "150 of which 100 are the first"


def test_the_level_spends_the_budget_of_a_month(root: Path):
    fill(root, 10, NOW - HOUR, NOW, seed=2)
    assert look(root).level == pytest.approx(0.1 / (4320 * len(FEATURES)))
    assert look(root, every=HOUR).level == pytest.approx(0.1 / (720 * len(FEATURES)))


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Released:
    """A project whose version on prod was evaluated on 200 prompts."""
    made = Released(tmp_path / "project")
    made.in_prod()
    (made.root / "conf/watch.yaml").write_text(SMALL)
    monkeypatch.setattr(kept, "read", lambda version: reference())
    return made


def commit(made: Released) -> str:
    return made.git("rev-parse", "lm@v1.0.0^{commit}").strip()


def test_against_the_evaluation(released: Released):
    fill(released.root, 150, NOW - 20 * HOUR, NOW, "lm@v1.0.0", probes=1e-6)
    found = look(released.root, version=None)
    assert not found.alarms and found.columns[0].version == "lm@v1.0.0"
    told = {one.feature: one for one in found.columns[0].findings}
    assert told["nats"].against == "evaluation" and told["nats"].values == (200, 100)
    assert told["probes"].verdict == "ok" and told["probes"].effect < 1e-5
    assert told["answer_length"].why == "50 of 100"
    assert (
        look(released.root, version=None, against="first").columns[0].findings[0].against == "first"
    )


def test_another_model_than_the_evaluated_runs(released: Released):
    fill(released.root, 150, NOW - 20 * HOUR, NOW, "lm@v1.0.0", probes=0.02)
    found = look(released.root, version="1.0.0")
    assert drifted(found) == ["probes"] and "not what was evaluated" in found.alarms[0]


def test_the_canary_has_a_column_and_the_shadow_none(released: Released):
    fill(released.root, 150, NOW - 20 * HOUR, NOW, "lm@v1.0.0")
    fill(released.root, 150, NOW - 20 * HOUR, NOW, "lm@v1.1.0", 2, 1.0, role="canary")
    fill(released.root, 150, NOW - 20 * HOUR, NOW, "lm@v1.2.0", 3, 1.0, role="shadow")
    found = look(released.root, version=None)
    assert [(one.version, one.role) for one in found.columns] == [
        ("lm@v1.0.0", "current"), ("lm@v1.1.0", "canary"),
    ]  # fmt: skip
    assert not drifted(found)


def test_the_clock_was_set_back(root: Path):
    fill(root, 150, NOW - 20 * HOUR, NOW, seed=2)
    fill(root, 5, NOW + 9 * HOUR, NOW + 10 * HOUR, seed=3)
    assert "the clock was set back" in " ".join(look(root).remarks)
    fill(root, 5, NOW - 30 * HOUR, NOW - HOUR, seed=4)
    found = look(root, now=NOW + 11 * HOUR, window=60 * HOUR)
    assert "was set back in the window" in " ".join(found.remarks)


def test_what_is_wrong_is_one_line(tmp_path: Path, root: Path):
    with pytest.raises(StemmaError, match="'beta' is no version that is registered or was ever"):
        look(root, version="beta")
    with pytest.raises(SettingsError, match="at least as long"):
        look(root, window=60.0)
    (root / "conf/watch.yaml").write_text("thresholds: {mood: 1}")
    with pytest.raises(SettingsError, match="mood is no feature"):
        look(root)
    (root / "conf/watch.yaml").write_text("sample: few")
    with pytest.raises(SettingsError, match=r"watch\.yaml"):
        look(root)


def test_the_command(released: Released):
    assert "there is no runs/monitoring/records.db (`stemma serve` writes it)" in refused(
        released.root, "watch"
    )
    fill(released.root, 3, 1.0, 2.0, "lm@v1.0.0")
    done = run(released.root, "watch")
    assert done.exit_code == 0 and "cannot tell: too few requests" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    told = json.loads(run(released.root, "watch", "--json").stdout)
    assert told["alarms"] == [] and told["columns"][0]["requests"] == 0
    assert "nothing stands on staging2" in refused(released.root, "watch", "--stage", "staging2")
    assert run(released.root, "watch", "--window", "soon").exit_code == 2


def test_the_command_alarms(released: Released):
    import time

    now = time.time()
    fill(released.root, 150, now - 20 * HOUR, now - HOUR, "lm@v1.0.0", shift=1.0)
    done = run(released.root, "watch", "--html", "watch.html")
    assert done.exit_code == 1 and "perplexity drifted" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    page = (released.root / "watch.html").read_text(encoding="utf-8")
    assert "perplexity drifted" in page and "http" not in page


def test_a_torn_recorder(released: Released):
    fill(released.root, 300, NOW - 20 * HOUR, NOW, "lm@v1.0.0")
    file = released.root / FILE
    with sqlite3.connect(file) as base:
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    raw = bytearray(file.read_bytes())
    raw[4096 * 3 :] = b"\x00\xff" * ((len(raw) - 4096 * 3) // 2)
    file.write_bytes(raw)
    line = refused(released.root, "watch", "--window", "9000d")
    assert "records.db cannot be read" in line and "a server puts it aside" in line


def test_names_agree_with_others():
    assert {one.name for one in FEATURES} == set(read(Path("/nowhere")).thresholds)
    assert set(FAULTS) == set(OURS)
