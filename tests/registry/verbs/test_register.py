"""Which commits may be called a version, and which number goes up."""

from pathlib import Path

import pytest
from prepared import row
from refusing import refused, run
from released import ROWS, Released


@pytest.fixture
def released(tmp_path: Path) -> Released:
    made = Released(tmp_path / "project")
    made.make()
    return made


@pytest.fixture
def named(released: Released) -> Released:
    """A project with a version that has a name."""
    assert released.json("register")["version"] == "v1.0.0"
    return released


def test_nothing_is_written_by_a_dry_run(released: Released):
    told = released.run("register", "--dry-run").stdout
    assert "Would register lm@v1.0.0" in told
    assert released.git("tag") == ""


@pytest.mark.parametrize(
    ("change", "version", "reason"),
    [
        ({"tokenizer": b'{"a": 1}'}, "v2.0.0", "the tokenizer changed: tokenizer.json"),
        ({"config": {"vocab_size": 400}}, "v2.0.0", "vocab_size is 400, was 300"),
        ({"rows": [*ROWS, row("doc-7", "more")]}, "v1.1.0", "the data changed"),
        ({}, "v1.1.0", "the weights changed"),
        ({"seed": 1, "exported": {"README.md": b"new"}}, "v1.0.1", "README.md is another"),
    ],
    ids=["tokenizer", "interface", "data", "weights", "export"],
)
def test_what_changed_says_which_number_goes_up(
    named: Released, change: dict, version: str, reason: str
):
    named.make(**change)
    found = named.json("register")
    assert found["version"] == version
    assert reason in found["bump"]["reasons"] and found["bump"]["since"] == "lm@v1.0.0"


def test_the_same_model_wants_no_second_name(named: Released):
    named.git("commit", "-q", "--allow-empty", "-m", "words only")
    assert "the model is that of lm@v1.0.0, byte for byte" in refused(named.root, "register")
    assert named.json("register", "--bump", "patch")["version"] == "v1.0.1"


def test_a_version_of_ones_own(named: Released):
    named.make()
    assert "is no version" in refused(named.root, "register", "--version", "seven")
    assert "is there already" in refused(named.root, "register", "--version", "1.0.0")
    assert named.json("register", "--version", "3.0.0-rc.1")["version"] == "v3.0.0-rc.1"
    assert "lm@v3.0.0-rc.1 already" in refused(named.root, "register")


def test_of_an_earlier_commit_what_came_before_it_counts(named: Released):
    named.make()
    named.make(tokenizer=b'{"b": 1}')
    assert named.json("register")["version"] == "v2.0.0"
    # The greatest version is not before it in history, but its number is taken all the same.
    assert named.json("register", "HEAD~1")["version"] == "v1.1.0"


def test_a_dirty_tree(released: Released):
    (released.root / "dvc.yaml").write_text((released.root / "dvc.yaml").read_text() + "\n")
    line = refused(released.root, "register")
    assert "the working tree is dirty: dvc.yaml (commit it" in line
    # Of a commit by its name it says nothing.
    released.git("commit", "-qam", "more")
    (released.root / "dvc.yaml").write_text("{}")
    assert run(released.root, "register", "HEAD~1").exit_code == 0


def test_other_outputs_than_dvc_lock_names(released: Released):
    folder = released.root / "models/exported"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    line = refused(released.root, "register")
    assert "what lies in models/exported is not what dvc.lock says" in line
    assert "`dvc checkout`" in line


def test_a_swapped_file_of_metrics(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.make()
    lock = made.root / "dvc.lock"
    entry = "    - path: reports/metrics.json\n      hash: md5\n      md5: " + "0" * 32
    lock.write_text(lock.read_text().rstrip() + f"\n{entry}\n      size: 1\n")
    made.git("commit", "-qam", "claims other metrics")
    assert "what lies in reports/metrics.json is not" in refused(made.root, "register")
    made.make()
    line = refused(made.root, "register", "HEAD~1")
    assert "reports/metrics.json in Git is not the one that its stage made" in line


def test_bytes_that_nobody_else_can_get(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.make(pushed=False)
    line = refused(made.root, "register")
    assert "of 2 objects of data/raw are not in store" in line and "`dvc push`" in line
    assert made.json("register", "--local")["local"] is True
    (made.root / ".dvc/config").write_text("[core]\n    analytics = false\n")
    made.make(pushed=False)
    assert "there is no default remote" in refused(made.root, "register")


def test_files_of_git_in_the_export(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.make(exported={".gitattributes": b"* text"})
    assert "holds .gitattributes, which signers and packers skip" in refused(made.root, "register")


def test_a_project_that_declares_no_model(released: Released):
    text = (released.root / "dvc.yaml").read_text()
    (released.root / "dvc.yaml").write_text(text[: text.index("artifacts:")])
    released.git("commit", "-qam", "no artifacts")
    line = refused(released.root, "register")
    assert "declares no model" in line and "`type: model`" in line


def test_a_model_that_dvc_yaml_does_not_have(released: Released):
    line = refused(released.root, "register", "--artifact", "other")
    assert "declares no model 'other' (it has lm, weights, base)" in line
    assert released.json("register", "--artifact", "weights")["artifact"] == "weights"


def test_no_such_commit(released: Released):
    assert "'nowhere' names no commit" in refused(released.root, "register", "nowhere")


def test_a_tag_that_the_remote_has_already(named: Released, tmp_path: Path):
    named.git("push", "-q", "--tags", "origin")
    other = named.clone("other")
    named.make()
    other.git("pull", "-q")
    named.run("register", "--push")
    done = run(other.root, "register", "--push")
    assert done.exit_code == 1 and "is lm@v1.1.0 already" in done.stderr
