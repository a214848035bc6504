"""What surrounds every stage: the declared environment, and inputs that nobody edits meanwhile."""

import shutil

import pytest
import yaml
from project import Project

STAGE = "python -m stemma.stages.ingest"
# The real stage, and an edit before it has ended.
EDITED = """\
from pathlib import Path
from stemma import stage
from stemma.stages import ingest

def run(settings):
    ingest.run(settings)
    path = Path({path!r})
    path.write_text(path.read_text().replace({before!r}, {after!r}, 1))

stage.main("ingest", ingest.IngestSettings, run)
"""
INGEST = "src/stemma/stages/ingest.py"
EDITS = {
    "code": (
        "src/stemma/stages/ingest.py",
        "intake = ",
        "given = intake = ",
        "src/stemma/stages/ingest.py",
    ),
    "data": ("data/input/scenes.jsonl", "the", "thy", "data/input"),
    "packages": ("environment.lock", "torch==2.13.0", "torch==2.13.1", "environment.lock"),
    "settings": ("params.yaml", "license: unknown", "license: MIT", "source in params.yaml"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_input_edited_while_a_stage_runs_is_refused(project: Project, kind):
    path, before, after, named = EDITS[kind]
    script = EDITED.format(path=path, before=before, after=after)
    (project.path / "edited.py").write_text(script)
    pipeline = project.path / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace(STAGE, "python edited.py"))
    lock = (project.path / "dvc.lock").read_bytes()
    done = project.run("dvc repro -s --force ingest", check=False)
    assert done.returncode != 0
    assert f"stemma ingest: changed while the stage ran: {named} (" in done.stderr
    assert (project.path / "dvc.lock").read_bytes() == lock


def test_what_no_stage_depends_on_may_be_edited_while_it_runs(project: Project):
    script = EDITED.format(path="src/stemma/cli/group.py", before="thin verbs", after="few verbs")
    (project.path / "edited.py").write_text(script)
    project.run("python edited.py")
    assert "few verbs" in (project.path / "src/stemma/cli/group.py").read_text()


def test_another_environment_is_told_and_does_not_stop(project: Project):
    lock = project.path / "environment.lock"
    lock.write_text(lock.read_text().replace("torch==2.13.0", "torch==2.12.0"))
    done = project.run(STAGE)
    line = "environment.lock declares torch==2.12.0, here is 2.13.0"
    assert f"stemma ingest: not the declared environment: {line}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_strict_stops_in_another_environment_and_replaces_nothing(project: Project):
    project.run("stemma compose runtime.strict=true")
    assert project.run(STAGE).stderr == ""
    before = sorted((project.path / "data/raw").iterdir())
    lock = project.path / "environment.lock"
    lock.write_text(lock.read_text().replace("python==3.", "python==2."))
    shutil.rmtree(project.path / "data/input")
    done = project.run(STAGE, check=False)
    assert done.returncode == 1
    assert "environment.lock declares python==2." in done.stderr
    assert "runtime.strict=false" in done.stderr
    assert sorted((project.path / "data/raw").iterdir()) == before


def test_strict_makes_no_version_stale(project: Project):
    project.run("stemma compose runtime.strict=true")
    status = yaml.safe_load(project.run("dvc status --json").stdout)
    # Not conf/ was edited, but what the composition made of it; and no stage read what differs.
    assert status == {"compose": [{"changed outs": {"params.yaml": "modified"}}]}
