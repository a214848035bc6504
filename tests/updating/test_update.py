"""`stemma update` on a real tiny project, from records to a version that is in production."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from project import Project, environment, once
from taught import in_production, manual, taught

from stemma.monitoring import reading
from stemma.monitoring.store import FILE

COUNT = 24


@pytest.fixture(scope="session")
def producing(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """The tiny version in production, which 24 people have asked about Python."""

    def make(folder: Path) -> None:
        import shutil

        project = in_production(Project(Path(shutil.copytree(built, folder, symlinks=True))))
        prompts, rests = zip(*manual(COUNT), strict=True)
        taught(project.path, prompts, [*rests[:16]])

    return once(tmp_path_factory, "producing", make)


@pytest.fixture
def own(producing: Path, tmp_path: Path) -> Project:
    """A copy of it to work in."""
    import shutil

    return Project(Path(shutil.copytree(producing, tmp_path / "own", symlinks=True)))


def updated(project: Project, *words: str, check: bool = True) -> dict:
    done = project.run(["stemma", "update", "--json", *words], check=check)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def standing(project: Project) -> str:
    told = json.loads(project.run("stemma history prod --json").stdout)
    return told["assignments"][0]["version"]


def show(project: Project, revision: str, path: str) -> str:
    return project.run(["git", "show", f"{revision}:{path}"]).stdout


def test_the_circle_from_records_to_production(own: Project, tmp_path: Path):
    """All that an update does, in one: choose, train, compare, judge, propose, promote."""
    before = own.run("git status --porcelain").stdout, own.run("git rev-parse HEAD").stdout
    dry = updated(own, "--dry-run")
    assert dry["selection"]["requests"] == COUNT and dry["branch"] is None
    done = updated(own, "--promote", "--report", str(tmp_path / "report.md"))
    kinds = [one["kind"] for one in done["selection"]["lessons"]]
    assert (kinds.count("correction"), kinds.count("prompt")) == (16, 8)
    assert done["version"] == "lm@v1.1.0" and standing(own) == "v1.1.0" and not done["refused"]
    assert [one["stage"] for one in done["decisions"]] == ["staging", "prod"]
    # The user's own tree is as it was, and nothing is left beside it.
    assert (
        own.run("git status --porcelain").stdout,
        own.run("git rev-parse HEAD").stdout,
    ) == before
    assert not (own.path / ".dvc/tmp/update").exists()
    report = (tmp_path / "report.md").read_text()
    assert "lm@v1.1.0" in report and "| correction | 16 |" in report
    check_lineage(own, done)
    # All of it was learnt from: there is nothing more.
    again = updated(own)
    assert again["branch"] is None and again["incumbent"] == "lm@v1.1.0"
    assert again["selection"]["left_out"] == {"an update has learnt from it before": COUNT}
    check_taken_back(own, done)


def check_taken_back(own: Project, done: dict) -> None:
    """A consent that is taken back later taints the version that has learnt from it."""
    told = json.loads(own.run("stemma forget cmpl-5 --why 'asked by its author' --json").stdout)
    assert told["erased"] == ["cmpl-5"]
    assert [one["id"] for one in told["revoked"]] == ["production/cmpl-5"]
    assert [one["commit"] for one in told["tainted"]] == [done["commit"]]
    left = updated(own, "--dry-run")["selection"]["left_out"]
    assert left["it is revoked"] == 1


def check_lineage(own: Project, done: dict) -> None:
    """What a candidate was made of can be told from its commit alone."""
    branch = done["branch"]
    params = show(own, branch, "params.yaml")
    assert "kind: mixed" in params and "base:" in params and "stemma://" in params
    assert "production" in show(own, branch, "data/input/production.dvc")
    message = own.run(["git", "log", "-1", "--format=%B", branch]).stdout
    assert f"Update: {done['name']}" in message
    own.run(["git", "checkout", "-q", branch])
    own.run("dvc checkout -q")
    rows = {
        row["id"]: row
        for row in pq.read_table(own.path / "data/prepared/manifest.parquet").to_pylist()
    }
    taught_ids = {name for name in rows if name.startswith("production/")}
    assert taught_ids == {f"production/cmpl-{number}" for number in range(COUNT)}
    folder = own.path / "data/input/production" / done["name"]
    lines = [json.loads(one) for one in (folder / "human-texts.jsonl").read_text().splitlines()]
    assert {one["version"] for one in lines} == {"lm@v1.0.0"}
    own.run("git checkout -q main")
    own.run("dvc checkout -q")


@pytest.mark.soak
def test_killed_at_every_step_it_goes_on(own: Project):
    """Each run is killed as soon as it says that it begins a step that none before has begun."""
    seen: set[str] = set()
    kills = 0
    while (step := run_until_new(own, seen)) is not None:
        seen.add(step)
        kills += 1
        assert kills < 30
    assert kills >= 6, seen
    assert any("training" in one for one in seen) and any("gates" in one for one in seen)
    versions = json.loads(own.run("stemma versions --json").stdout)
    assert "v1.1.0" in json.dumps(versions)
    branches = own.run("git branch --list update/*").stdout.split()
    assert len([one for one in branches if one.startswith("update/")]) == 1
    assert not (own.path / ".dvc/tmp/update").exists()


def run_until_new(own: Project, seen: set[str]) -> str | None:
    """Run an update until it begins a new step, and kill it there; None if it comes to its end."""
    child = subprocess.Popen(
        ["stemma", "update"], cwd=own.path, env=environment(own.path), text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert child.stderr
    said = []
    for line in child.stderr:
        said.append(line.strip())
        step = line.strip().split(", stage")[0]
        if step in seen or step.startswith("rebuilding compose"):
            continue
        # Not at once: in the middle of what it has just begun.
        time.sleep(0.3)
        kill_all(child.pid)
        child.wait()
        child.stderr.close()
        return step
    assert child.wait() == 0, said
    return None


def kill_all(pid: int) -> None:
    """Kill a process and all that it has started, as when a machine loses its power."""
    import psutil

    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for one in family:
        try:
            os.kill(one.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_what_makes_it_worse_is_refused_and_production_stays(own: Project):
    rules = own.path / "conf/update/default.yaml"
    # So fast that the weights are ruined.
    rules.write_text(rules.read_text().replace("learning_rate=0.001", "learning_rate=0.5"))
    # How far they are ruined is chance: no candidate of this size comes below this limit.
    registry = own.path / "conf/registry.yaml"
    text = registry.read_text()
    assert text.count("max: 7.0") == 1
    registry.write_text(text.replace("max: 7.0", "max: 1.0"))
    done = updated(own, "--promote", check=False)
    assert done["refused"], done["gates"]
    assert done["version"] is None and standing(own) == "v1.0.0"
    assert [one["gate"] for one in done["gates"] if not one["passed"]] == ["limits"]
    left = updated(own, "--dry-run")["selection"]["left_out"]
    assert left == {"an update has learnt from it before": COUNT}
    assert updated(own, "--dry-run", "--again")["selection"]["requests"] == COUNT


def test_nothing_is_learnt_that_is_held_out_known_or_withdrawn(own: Project):
    from stemma.store.version import Commit
    from stemma.versions.contents import texts

    held = next(texts.held_out(Commit("HEAD", "HEAD", own.path)))
    words = held.split()
    new = manual(60)[1::2]
    taught(own.path, [" ".join(words[:20]), new[0][0], new[0][0] + new[0][1][:4]], first=100)
    taught(own.path, [new[1][0]], first=200, consent=False)
    told = own.run("stemma forget cmpl-3 --why 'asked by its author'").stdout
    assert "erased" in told and "no version has learnt from it" in told
    assert not [one for one in reading.texts(own.path / FILE) if one[0] == "cmpl-3"]
    found = updated(own, "--dry-run")["selection"]
    names = {one["id"].removeprefix("production/") for one in found["lessons"]}
    assert not names & {"cmpl-100", "cmpl-3", "cmpl-200"}
    assert len(names & {"cmpl-101", "cmpl-102"}) == 1
    assert found["left_out"]["it stands in a held-out document"] == 1
    assert found["left_out"]["another one says nearly the same"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stage", "moon"], "has no stage 'moon'"),
        (["--rules", "none"], "there is no conf/update/none.yaml"),
        (["--stage", "staging", "--artifact", "dog"], "dog"),
    ],
)
def test_bad_words_get_one_line(own: Project, words: list[str], message: str):
    done = own.run(["stemma", "update", *words], check=False)
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_bad_surroundings_get_one_line(own: Project):
    path = own.path / FILE
    whole = path.read_bytes()
    path.write_bytes(b"no database" * 100)
    done = own.run("stemma update", check=False)
    assert done.returncode == 1 and "cannot be read" in done.stderr
    path.write_bytes(whole)
    path.rename(path.with_suffix(".old"))
    done = own.run("stemma update", check=False)
    assert done.returncode == 1 and "`stemma serve` writes it" in done.stderr
    rules = own.path / "conf/update/default.yaml"
    rules.write_text(rules.read_text().replace("fewest:", "few:"))
    done = own.run("stemma update", check=False)
    assert done.returncode == 1 and "few" in done.stderr


def test_too_little_to_learn_from_is_no_error(own: Project):
    rules = own.path / "conf/update/default.yaml"
    rules.write_text(rules.read_text().replace("fewest: 5", "fewest: 500"))
    done = own.run("stemma update")
    assert "Too few for a new version" in done.stdout
    assert not own.run("git branch --list update/*").stdout
    assert "no update to give up" in own.run("stemma update --abandon").stdout


def test_a_stage_that_stops_is_told_and_can_be_given_up(own: Project):
    rules = own.path / "conf/update/default.yaml"
    rules.write_text(rules.read_text().replace("train.steps=8", "train.sequence_length=4096"))
    done = own.run("stemma update", check=False)
    assert done.returncode == 1 and "train.sequence_length" in done.stderr.splitlines()[-1]
    assert "--abandon" in done.stderr
    assert "is given up" in own.run("stemma update --abandon").stdout
    assert not (own.path / ".dvc/tmp/update").exists()
