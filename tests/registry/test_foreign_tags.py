"""What tags must withstand: counters, clocks, and whatever else writes or takes back a tag."""

import os
import subprocess
from pathlib import Path

import pytest
from project import environment
from refusing import refused, run
from released import Released, agreed

from stemma.store.registry import Registry


@pytest.fixture
def released(tmp_path: Path) -> Released:
    """A project with two versions, of which the second stands on prod."""
    made = Released(tmp_path / "project")
    made.in_prod()
    made.run("promote", made.candidate(), "prod")
    assert agreed(made) == "v1.1.0"
    return made


def tag(project: Released, name: str, at: str, time: int, message: str = "by hand") -> None:
    """Write a tag as somebody does who does not know Stemma."""
    subprocess.run(
        ["git", "tag", "-a", "-m", message, name, f"{at}^{{commit}}"],
        cwd=project.root,
        env=environment() | {"GIT_COMMITTER_DATE": f"@{time} +0000"},
        check=True,
    )


def last(project: Released) -> int:
    return Registry(project.root).events[-1].tag.time


def gto(project: Released, *words: str) -> None:
    subprocess.run(
        ["gto", *words], cwd=project.root, env=environment(), check=True, capture_output=True
    )


def test_counters_beyond_nine(released: Released):
    for turn in range(8):
        released.run("rollback", "prod")
        assert agreed(released) == f"v1.{turn % 2}.0"
    names = [one["tag"] for one in released.json("history", "prod")["assignments"]]
    assert names[0] == "lm#prod#12" and names[-1] == "lm#prod#2"


def test_no_two_tags_of_one_second(released: Released):
    for _ in range(3):
        released.run("rollback", "prod")
    times = [one.tag.time for one in Registry(released.root).events]
    assert len({*times}) == len(times)


def test_a_clock_that_was_set_back(released: Released):
    tag(released, "lm#prod#9", "lm@v1.0.0", last(released) + 10**6)
    assert "past the gates" in released.run("history", "prod").stdout
    released.run("promote", "v1.1.0", "prod")
    assert agreed(released) == "v1.1.0"
    assert last(released) > 10**6
    released.run("rollback", "prod", "--to", "v1.0.0")
    assert agreed(released) == "v1.0.0"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deprecate", "lm", "v1.1.0", "prod"], "lm#prod!#5 takes back what lm#prod#4 says"),
        (["deprecate", "lm", "v1.1.0"], "lm@v1.1.0! takes back the version"),
        (["deprecate", "lm"], "lm@deprecated"),
    ],
    ids=["a stage", "a version", "the model"],
)
def test_what_gto_takes_back_is_named(released: Released, words: list[str], said: str):
    # After the first of these GTO shows v1.0.0, and DVC delivers v1.1.0.
    gto(released, *words)
    done = run(released.root, "versions")
    assert done.exit_code == 1
    told = " ".join(done.stdout.split())
    assert "It cannot be told what stands on prod" in told and said in told
    line = refused(released.root, "fetch", "lm#prod")
    assert "it cannot be told what stands on prod of lm" in line and said in line


def test_a_new_decision_settles_what_gto_unassigned(released: Released):
    gto(released, "deprecate", "lm", "v1.1.0", "prod")
    released.run("promote", "v1.1.0", "prod")
    assert agreed(released) == "v1.1.0"
    assert run(released.root, "versions").exit_code == 0


def test_an_assignment_past_the_gates_is_no_evidence(released: Released):
    tag(released, "lm#prod#5", "lm@v1.0.0", last(released) + 5)
    assert agreed(released) == "v1.0.0"
    line = refused(released.root, "fetch", "lm#prod")
    assert "lm#prod#5 has no evidence: it went past `stemma promote`" in line
    assert "`stemma promote v1.0.0 prod` asks the gates" in line
    # A reader may be told to take whatever there is.
    assert "lm@v1.0.0 fetched" in released.run("fetch", "lm#prod", "--require", "none").stdout


def test_what_came_past_the_gates_is_no_place_to_go_back_to(released: Released):
    third = released.candidate()
    tag(released, "lm#prod#7", f"lm@{third}", last(released) + 5)
    released.run("promote", "v1.1.0", "prod")
    line = refused(released.root, "rollback", "prod", "--to", third)
    assert "lm#prod#7 has no evidence" in line
    released.run("rollback", "prod")
    assert agreed(released) == "v1.0.0"


def test_where_no_evidence_is_asked_for(released: Released):
    tag(released, "lm#prod#5", "lm@v1.0.0", last(released) + 5)
    released.run("promote", "v1.1.0", "prod")
    released.settings({}, require="none")
    released.run("rollback", "prod")
    assert agreed(released) == "v1.0.0"


def test_bytes_that_changed_since_the_registration(released: Released):
    third = released.candidate()
    text = released.git("for-each-ref", "--format=%(contents)", f"refs/tags/lm@{third}")
    edited = text.replace('"digest": "', '"digest": "0')
    released.git("tag", "-f", "-a", "-m", edited, f"lm@{third}", f"lm@{third}^{{commit}}")
    line = refused(released.root, "promote", third, "prod", "--force", "--why", "hurry")
    assert "are not those that it was registered with" in line


def test_two_of_one_second_cannot_be_told(released: Released):
    tag(released, "lm#prod#10", "lm@v1.0.0", last(released))
    told = " ".join(run(released.root, "versions").stdout.split())
    assert "lm#prod#4 and lm#prod#10 are of the same second" in told


def test_a_greater_number_that_is_older(released: Released):
    tag(released, "lm#prod#20", "lm@v1.0.0", 10**9)
    told = " ".join(run(released.root, "versions").stdout.split())
    assert "lm#prod#20 is older than lm#prod#4, though its number is greater" in told


def test_a_stage_on_what_is_no_version(released: Released):
    released.make()
    tag(released, "lm#prod#9", "HEAD", last(released) + 5)
    told = " ".join(run(released.root, "versions").stdout.split())
    assert "lm#prod#9 names a commit that is no registered version" in told


@pytest.mark.parametrize(
    "change",
    [
        ("stage", '"stage": "prod"', '"stage": "staging"'),
        ("version", '"version": "v1.1.0"', '"version": "v1.0.0"'),
        ("digest", '"digest": "', '"digest": "0'),
        ("commit", '"commit": "', '"commit": "0'),
    ],
    ids=lambda one: one[0],
)
def test_evidence_that_was_edited(released: Released, change: tuple[str, str, str]):
    field, old, new = change
    text = released.git("for-each-ref", "--format=%(contents)", "refs/tags/lm#prod#4")
    assert old in text
    tag(released, "lm#prod#5", "lm@v1.1.0", last(released) + 5, text.replace(old, new))
    line = refused(released.root, "fetch", "lm#prod")
    other = "other bytes" if field == "digest" else f"another {field}"
    assert f"the evidence of lm#prod#5 is of {other}" in line


def test_evidence_that_says_it_was_refused(released: Released):
    text = released.git("for-each-ref", "--format=%(contents)", "refs/tags/lm#prod#4")
    refusal = text.replace(
        '"gates": [{"evidence"', '"gates": [{"gate": "x", "passed": false}, {"evidence"'
    )
    assert refusal != text
    tag(released, "lm#prod#5", "lm@v1.1.0", last(released) + 5, refusal)
    assert "lm#prod#5 says itself that x refused it" in refused(released.root, "fetch", "lm#prod")


def test_tags_of_other_tools_are_left_alone(released: Released):
    for name in ("v7", "stemma/odd", "other#thing", "a@b", "lm#prod"):
        tag(released, name, "HEAD", 10**9)
    released.git("tag", "light", "HEAD")
    blob = released.git("hash-object", "-w", "dvc.yaml")
    released.git("tag", "file", blob)
    assert os.fspath(released.root) and agreed(released) == "v1.1.0"
