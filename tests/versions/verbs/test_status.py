"""stemma status: the bytes of a commit, or which are not and why."""

import json

from project import Project

from stemma.environment import CAPS
from stemma.hashes import hashes_of, name_of


def test_what_was_committed_is_the_bytes_of_head(project: Project):
    head = project.run("git rev-parse HEAD").stdout.strip()
    done = project.run("stemma status")
    outputs = project.run("stemma status --json").stdout
    count = json.loads(outputs)["outputs"]
    assert done.stdout.startswith(f"These are the bytes of HEAD ({head[:10]}): {count} outputs")
    assert count > 8


def test_a_byte_more_in_an_output_is_named_and_what_is_not_here_is_told_apart(project: Project):
    with (project.path / "models/trained/config.json").open("a") as file:
        file.write(" ")
    (project.path / "reports/samples.md").unlink()
    done = project.run("stemma status", check=False)
    assert done.returncode == 1
    told = done.stdout
    assert "from the stage train on.\n  different: models/trained\n" in told
    assert "Not here: reports/samples.md (`dvc repro` or `dvc pull` brings them)." in told
    assert "likely cause: what lies in models/trained is not what dvc.lock here says" in told


def test_another_setting_is_the_cause_of_other_outputs(project: Project):
    project.run("stemma compose train.learning_rate=0.07")
    project.run("dvc repro train")
    found = json.loads(project.run("stemma status --json", check=False).stdout)
    assert found["exact"] is False and found["first"] == "train"
    assert "models/trained" in found["different"]
    assert any(
        "train.learning_rate is" in cause and "0.07 here" in cause for cause in found["causes"]
    )


def test_without_portable_the_processor_is_a_cause(project: Project):
    lock = project.path / "dvc.lock"
    text = lock.read_text().replace("runtime.instructions: avx2", "runtime.instructions: native")
    lock.write_text(text)
    project.commit("Made with all that a processor has")
    trained = project.path / "models/trained"
    before = name_of(hashes_of(trained))
    (trained / "model.safetensors").write_bytes(b"other")
    lock.write_text(lock.read_text().replace(before, name_of(hashes_of(trained))))
    # What is set from outside, or by a test of this process, would be a cause before it.
    unset = [word for variable in CAPS["avx2"] for word in ("-u", variable)]
    told = project.run(["env", *unset, "stemma", "status"], check=False).stdout
    assert "likely cause: the processor: runtime.instructions is native" in told


def test_a_file_that_was_edited_is_named_beside_the_outputs(project: Project):
    with (project.path / "conf/train/scratch.yaml").open("a") as file:
        file.write("# a note\n")
    told = project.run("stemma status").stdout
    assert "Edited, and not committed: conf/train/scratch.yaml" in told


def test_a_commit_that_is_no_version_is_one_line(project: Project):
    (project.path / "dvc.lock").unlink()
    project.commit("No version")
    done = project.run("stemma status", check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "has no dvc.lock" in done.stderr
