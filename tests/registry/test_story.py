"""A version's way to production and back, in a real repository with a remote and two clones."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from project import environment
from refusing import refused, run
from released import Released, agreed

NOT_WORSE = {"not_worse": {"metrics": {"bits_per_byte": 0.02}}}


@pytest.fixture
def released(tmp_path: Path) -> Released:
    """A project whose first version stands on prod."""
    made = Released(tmp_path / "project", NOT_WORSE)
    assert made.in_prod() == "v1.0.0"
    return made


def test_better_goes_worse_does_not(released: Released):
    assert agreed(released) == "v1.0.0"
    better = released.candidate(-0.1)
    assert better == "v1.1.0" and agreed(released, "staging") == better
    assert "in place of lm@v1.0.0" in released.run("promote", better, "prod").stdout
    assert agreed(released) == better
    worse = released.candidate(0.1)
    done = run(released.root, "promote", worse, "prod")
    assert done.exit_code == 1
    assert "REFUSED not_worse" in done.stdout and "worse by more than the margin" in " ".join(
        done.stdout.split()
    )
    assert agreed(released) == better
    assert released.git("tag", "--list", "lm#prod#*").count("\n") == 1


def test_forced_with_a_reason_that_stays(released: Released):
    worse = released.candidate(0.1)
    assert "--force asks for a reason" in refused(
        released.root, "promote", worse, "prod", "--force"
    )
    words = ["promote", worse, "prod", "--force", "--why", "security"]
    assert "although refused by not_worse: security" in released.run(*words).stdout
    assert agreed(released) == worse
    told = released.json("history", "prod")["assignments"][0]["evidence"]
    assert told["forced"] and told["why"] == "security" and not told["passed"]
    assert told["gates"][-1]["facts"]["metrics"]["bits_per_byte"]["margin"] == 0.02
    said = released.run("history", "prod").stdout
    assert "forced past" in said and "security" in said


def test_force_of_what_passes_is_no_force(released: Released):
    better = released.candidate(-0.1)
    found = released.json("promote", better, "prod", "--force", "--why", "hurry")
    assert found["passed"] and not found["forced"] and found["why"] == "hurry"


def test_back_and_forth(released: Released):
    second = released.candidate(-0.1)
    released.run("promote", second, "prod")
    told = released.run("rollback", "prod", "--why", "shouts").stdout
    assert "lm@v1.0.0 stands on prod in place of lm@v1.1.0" in told
    assert "Servers that follow prod take it" in told
    assert agreed(released) == "v1.0.0"
    # What was gone back from is what stood there before, now.
    released.run("rollback", "prod")
    assert agreed(released) == second
    released.run("rollback", "prod", "--to", "v1.0.0")
    assert agreed(released) == "v1.0.0"
    how = [one["evidence"]["kind"] for one in released.json("history", "prod")["assignments"]]
    assert how == ["rollback", "rollback", "rollback", "promote", "promote"]


def test_nowhere_to_go_back_to(released: Released):
    assert "nothing that may be used stood on prod before" in refused(
        released.root, "rollback", "prod"
    )
    second = released.candidate(-0.1)
    line = refused(released.root, "rollback", "prod", "--to", second)
    assert "did not stand on prod before" in line and f"`stemma promote {second} prod`" in line
    assert agreed(released) == "v1.0.0"


def test_a_recalled_version_is_out_for_ever(released: Released):
    second = released.candidate(-0.1)
    released.run("promote", second, "prod")
    told = released.run("recall", second, "--why", "withdrawn data").stdout
    assert "it stands on staging now: `stemma rollback staging`" in told
    assert "it stands on prod now: `stemma rollback prod`" in told
    line = refused(released.root, "promote", second, "prod", "--force", "--why", "please")
    assert "withdrawn data" in line and "no --force helps" in line
    released.run("rollback", "prod")
    assert agreed(released) == "v1.0.0"
    # It is not gone back to, and neither by its own name.
    assert "nothing that may be used" in refused(released.root, "rollback", "prod")
    assert "was recalled" in refused(released.root, "rollback", "prod", "--to", second)
    assert "(recalled)" in released.run("history", "prod").stdout
    assert "is recalled already" in refused(released.root, "recall", second, "--why", "again")


def test_the_same_bytes_under_another_name_stay_recalled(released: Released):
    released.run("recall", "v1.0.0", "--why", "withdrawn data")
    released.make(-0.1)
    released.make(seed=1)
    again = released.json("register", "--bump", "minor")["version"]
    done = run(released.root, "promote", again, "staging")
    assert done.exit_code == 1 and "lm@v1.0.0 is recalled: withdrawn data" in done.stdout


def test_stages_have_an_order(released: Released):
    released.make(-0.1)
    name = released.json("register")["version"]
    done = run(released.root, "promote", name, "prod", "--dry-run")
    assert done.exit_code == 1 and "REFUSED promoted_from" in done.stdout
    assert "it never stood on staging" in " ".join(done.stdout.split())
    line = refused(released.root, "promote", name, "live")
    assert "no stage 'live' (it has staging, prod" in line


def test_two_clones_at_once_one_wins(released: Released):
    second, third = released.candidate(-0.1), released.candidate(-0.12)
    released.git("push", "-q", "--tags", "origin")
    ada, ben = released.clone("ada"), released.clone("ben")
    held = ben.root / ".git/hooks/pre-push"
    # While Ben's push is under way, Ada's arrives.
    held.write_text(
        f"#!/bin/sh\nrm -f '{held}'\ncd '{ada.root}'\nunset GIT_DIR\n"
        f"stemma promote {third} prod --push >'{ada.root}/said' 2>&1\n"
    )
    held.chmod(0o755)
    words = ["stemma", "promote", second, "prod", "--push"]
    done = subprocess.run(
        words, cwd=ben.root, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    assert "was taken back" in done.stderr and "somebody may have been faster" in done.stderr
    assert f"lm@{third} stands on prod" in (ada.root / "said").read_text()
    ben.git("fetch", "-q", "--tags")
    assert agreed(ben) == third == agreed(ada)
    # With that known, the second one is judged beside the third.
    assert ben.json("promote", second, "prod", "--dry-run")["incumbent"] == f"lm@{third}"


def test_approvals_count_for_these_bytes_alone(released: Released):
    released.settings(NOT_WORSE, approvals=2)
    released.git("commit", "-qam", "two people")
    second = released.candidate(-0.1)
    done = run(released.root, "promote", second, "prod")
    assert "REFUSED approved" in done.stdout and "approved by nobody, 2 asked for" in done.stdout
    released.run("approve", second, "prod", "--as", "Ada Lovelace", "--why", "read 50 answers")
    released.run("approve", second, "prod")
    assert "has approved lm@v1.1.0 for prod already" in refused(
        released.root, "approve", second, "prod"
    )
    assert "approved by ada-lovelace, test, 2" in " ".join(
        released.run("promote", second, "prod").stdout.split()
    )
    # A tag that somebody copies to another version is no approval of that.
    third = released.candidate(-0.12)
    for who in ("ada-lovelace", "test"):
        old = f"refs/tags/stemma/lm/{second}/approval/prod/{who}"
        new = old.replace(second, third)
        released.git("update-ref", new, released.git("rev-parse", old))
    done = run(released.root, "promote", third, "prod")
    assert "that of test is of another commit" in " ".join(done.stdout.split())
    assert done.exit_code == 1


def test_consumers_get_what_stands_there(released: Released, tmp_path: Path):
    released.git("push", "-q", "--tags", "origin")
    user = tmp_path / "user"
    user.mkdir()
    url = str(tmp_path / "origin.git")
    (got,) = json.loads(run(user, "fetch", "lm#prod", "--repo", url, "--json").stdout)
    assert got["new"] and got["pin"]["version"] == "v1.0.0"
    folder = tmp_path / "by-dvc"
    words = ["dvc", "artifacts", "get", url, "lm", "--stage", "prod", "-o", str(folder)]
    subprocess.run(words, check=True, env=environment(), capture_output=True)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["config.json", "model.safetensors", "tokenizer.json"]
    for name in names:
        assert (user / "lm" / name).read_bytes() == (folder / name).read_bytes()
    pinned = yaml.safe_load((user / "stemma.lock").read_text())["lm"]
    assert pinned["version"] == "v1.0.0" and len(pinned["sha256"]) == 64
    assert "is here already" in run(user, "fetch", "--frozen").stdout


def test_log_and_show_draw_stages(released: Released):
    second = released.candidate(-0.1)
    lines = released.run("log").stdout.splitlines()
    assert f" #staging [data] (lm@{second}, " in lines[0] or " #staging " in lines[0]
    assert " #prod " in lines[1] and "(lm@v1.0.0)" in lines[1]
    newest, oldest = released.json("log")[:2]
    assert (newest["stages"], oldest["stages"]) == (["#staging"], ["#prod"])
    assert newest["refs"][0] == f"lm@{second}", "tags of stages are no names"
    assert "lm@v1.0.0 stands on prod; not signed" in released.run("show", "lm@v1.0.0").stdout
    released.run("recall", second, "--why", "leaks")
    assert "recalled: leaks" in released.run("show", "HEAD").stdout
    (told,) = released.json("show", "HEAD")["registry"]
    assert told["stages"] == ["staging"] and told["recalled"] == "leaks"


def test_a_project_in_a_folder_of_its_repository(tmp_path: Path):
    made = Released(tmp_path / "project")
    made.make()
    top, sub = made.root, made.root / "sub"
    sub.mkdir()
    for path in [*top.iterdir()]:
        if path.name not in (".git", "sub"):
            shutil.move(path, sub / path.name)
    (top / ".git/info/exclude").write_text("/sub/.dvc/cache\n")
    made.git("add", "-A")
    made.git("commit", "-qm", "moved")
    made.root = sub
    assert made.json("register")["artifact"] == "sub:lm"
    for stage in ("staging", "prod"):
        made.run("promote", "v1.0.0", stage)
    assert made.git("tag", "--list", "sub=lm#prod#*") == "sub=lm#prod#2"
    made.git("push", "-q", "--tags", "origin", "HEAD")
    user = tmp_path / "user"
    user.mkdir()
    url = str(tmp_path / "origin.git")
    assert run(user, "fetch", "sub:lm#prod", "--repo", url).exit_code == 0
    assert (user / "lm/config.json").exists()
    words = ["dvc", "artifacts", "get", url, "sub:lm", "--stage", "prod", "-o", str(user / "dvc")]
    subprocess.run(words, check=True, env=environment(), capture_output=True)
    assert (user / "dvc/config.json").read_bytes() == (user / "lm/config.json").read_bytes()
