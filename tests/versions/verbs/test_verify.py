"""stemma verify on real versions: what is exact, what is not, and why."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from project import Project, environment
from safetensors.numpy import load_file, save_file

from stemma.modeling.observed import read as made_on
from stemma.versions.verification.notes import read

CODE = "src/stemma/stages/ingest.py"


def verify(project: Project, *words: str, code: int) -> tuple[dict, str]:
    """Run the verb; return its JSON and what it told on stderr."""
    done = project.run(["stemma", "verify", "--json", *words], check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert left_behind(project) == []
    return json.loads(done.stdout or "{}"), done.stderr


def left_behind(project: Project) -> list[str]:
    trees = project.run("git worktree list").stdout.splitlines()[1:]
    folders = [
        *(project.path / ".dvc/tmp").glob("verify-*"),
        *(project.path / ".dvc/tmp").glob("kept-*"),
    ]
    return [*trees, *map(str, folders)]


def edit(path: Path, before: str, after: str, count: int = 1) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, count))


def evidence_of(report: dict) -> str:
    return " | ".join(f"{found['cause']}: {found['evidence']}" for found in report["findings"])


def test_an_untouched_version_is_exact_and_the_working_tree_does_not_count(project: Project):
    (project.path / "conf/config.yaml").write_text("broken: [")
    report, told = verify(project, code=0)
    assert report["verdict"] == "exact"
    stages = ["compose", "ingest", "base", "prepare", "train", "evaluate", "export"]
    assert list(dict.fromkeys(row["stage"] for row in report["rows"])) == stages
    assert {row["status"] for row in report["rows"]} == {"exact"}
    assert {row["note"] for row in report["rows"]} == {""}
    assert "the working tree has changes" in told
    assert "rebuilding train, stage 5 of at most 7" in told
    assert (project.path / "conf/config.yaml").read_text() == "broken: ["

    (kept,) = read(report["commit"], project.path)
    assert (kept.verdict, kept.by, kept.machine) == ("exact", "Test", report["machine"])
    assert report["machine"] == made_on(project.path / "models/trained")["processor"]["name"]
    day = kept.time[:10]
    assert f"exact on {day} by Test, {kept.machine}" in project.run("stemma show HEAD").stdout


def test_one_byte_of_a_raw_document(project: Project):
    edit(project.path / "data/input/scenes.jsonl", "the", "thy")
    project.commit("Another text under the old lock")
    report, _ = verify(project, "--stage", "ingest", code=1)
    assert (report["verdict"], report["first"]) == ("different", "ingest")
    assert report["output"] == "data/raw"
    assert evidence_of(report).startswith("data: data/input is ")
    assert read(report["commit"], project.path) == [], "one stage is no version"


def test_a_digit_in_dvc_lock(project: Project):
    lock = project.path / "dvc.lock"
    before, marker, after = lock.read_text().partition("    outs:\n    - path: data/raw\n")
    md5 = re.findall(r"md5: (\w{32}\.dir)", after)[0]
    forged = f"{(int(md5[0], 16) + 1) % 16:x}{md5[1:]}"
    lock.write_text(before + marker + after.replace(md5, forged, 1))
    project.commit("A forged hash")
    report, _ = verify(project, "--stage", "ingest", code=1)
    assert (report["verdict"], report["first"]) == ("different", "ingest")
    assert evidence_of(report).startswith(
        "dvc.lock: data/raw has another hash than its readers: prepare, export read"
    )
    assert "not in the cache" in report["rows"][0]["note"]


def test_a_setting_and_the_runtime(project: Project):
    project.run("stemma compose train.learning_rate=0.002")
    project.commit("Another learning rate under the old lock")
    report, _ = verify(project, "--stage", "train", code=1)
    assert (report["verdict"], report["first"]) == ("different", "train")
    assert report["output"] == "models/trained"
    assert "settings: train.learning_rate is" in evidence_of(report)
    weights = report["weights"]
    assert weights["first"].startswith("transformer.") and weights["largest"] > 1e-5

    project.run("stemma compose --reset runtime.seed=2")
    project.commit("Another seed under the old lock")
    report, _ = verify(project, "--stage", "train", code=1)
    assert (report["verdict"], report["first"]) == ("different", "train")
    assert evidence_of(report) == (
        "threads or precision: runtime.seed is 1 in dvc.lock and 2 in the commit"
    )


def test_other_weights_inside_the_bounds_need_a_tolerance(project: Project):
    file = project.path / "models/trained/model.safetensors"
    tensors = load_file(file)
    name = "transformer.h.0.mlp.c_fc.weight"
    tensors[name][0, 0] += 1e-4
    file.unlink()
    save_file(tensors, file, {"format": "pt"})
    project.run("dvc commit -q --force")
    project.commit("The weights of another processor")
    report, _ = verify(project, "--stage", "train", code=1)
    assert (report["verdict"], report["first"]) == ("equivalent", "train")
    assert report["weights"]["first"] == f"{name} (model.safetensors)"
    assert report["weights"]["largest"] == pytest.approx(1e-4, rel=1e-3)
    # Portable: no processor explains it.
    assert evidence_of(report).startswith("unknown: the same inputs, settings, code and declared")
    done = project.run("stemma verify --stage train --tolerance --twice")
    assert "two rebuilds here agree byte for byte" in done.stdout
    assert "verdict: equivalent" in done.stdout
    assert f"first tensor that differs: {name}" in done.stdout
    bounds = ["--tolerance", "--weight-bound", "1e-9"]
    report, _ = verify(project, "--stage", "train", *bounds, code=1)
    assert report["verdict"] == "different"


def test_another_environment_is_the_cause_where_all_else_is_the_same(project: Project):
    # A version of a torch that is not here: its lock says so, and its weights are other ones.
    edit(project.path / "environment.lock", "torch==2.13.0", "torch==2.12.0")
    capped = "cmd: env ATEN_CPU_CAPABILITY=default python -m stemma.stages.train"
    edit(project.path / "dvc.yaml", "cmd: python -m stemma.stages.train", capped)
    project.run("stemma compose runtime=auto runtime.precision=fp32")
    project.run("dvc repro")
    for file in ("dvc.yaml", "dvc.lock"):
        path = project.path / file
        path.write_text(path.read_text().replace("env ATEN_CPU_CAPABILITY=default ", ""))
    project.commit("Made with another torch")
    report, _ = verify(project, "--stage", "train", code=1)
    assert (report["verdict"], report["first"]) == ("equivalent", "train")
    line = "environment: environment.lock declares torch==2.12.0, here is 2.13.0"
    assert evidence_of(report).startswith(line)


def test_a_dependency_of_a_later_stage_that_was_not_committed(project: Project):
    code = "src/stemma/modeling/export/card/writing.py"
    project.run(["git", "rm", "-q", "--cached", code])
    (project.path / ".git/info/exclude").write_text(code)
    project.run(["git", "commit", "-qm", "Without the card"])
    report, _ = verify(project, code=1)
    assert (report["verdict"], report["first"]) == ("different", "compose")
    line = f"not committed: export depends on {code}, and the commit does not have it"
    assert evidence_of(report) == line


def test_what_a_kept_rebuild_leaves_is_swept_with_its_worktree(project: Project):
    done = project.run("stemma verify --stage ingest --keep")
    (kept,) = (project.path / ".dvc/tmp").glob("kept-*")
    assert f"git worktree remove --force {kept}/tree" in done.stdout.replace("\n", "")
    project.run(["git", "worktree", "remove", "--force", f"{kept}/tree"])
    verify(project, "--stage", "ingest", code=0)


def test_code_that_changed_while_a_stage_ran(project: Project):
    code = project.path / "src/stemma/stages/ingest.py"
    code.write_text(code.read_text() + "LATER = True\n")
    project.commit("Code that the lock does not know")
    report, _ = verify(project, "--stage", "ingest", code=1)
    assert report["verdict"] == "different"
    assert f"code.lock has other code: {CODE}" in evidence_of(report)
    report, _ = verify(project, "--stage", "compose", code=1)
    assert (report["verdict"], report["output"]) == ("different", "code.lock")
    assert evidence_of(report).startswith(f"code: {CODE} is ")


def test_a_remark_that_was_written_since_changes_nothing(project: Project):
    code = project.path / CODE
    code.write_text(code.read_text() + "# later\n")
    project.commit("A remark that the lock does not know")
    report, _ = verify(project, "--stage", "ingest", code=0)
    assert (report["verdict"], report["findings"]) == ("exact", [])


def test_a_dependency_that_is_not_committed(project: Project):
    project.run(f"git rm -q --cached {CODE}")
    project.run("git commit -qm without")
    report, _ = verify(project, code=1)
    assert (report["verdict"], report["first"]) == ("different", "compose")
    expected = f"not committed: ingest depends on {CODE}, and the commit does not have it"
    assert evidence_of(report) == expected


def test_what_is_no_version_is_one_line(project: Project):
    def line(*words: str) -> str:
        done = project.run(["stemma", "verify", *words], check=False)
        assert done.returncode == 1
        assert left_behind(project) == []
        return done.stderr

    assert line("nothing").startswith("stemma: 'nothing' names no commit")
    assert "has no stage 'trian' (it has compose, ingest" in line("--stage", "trian")
    project.run("git rm -q --cached dvc.lock")
    project.run("git commit -qm unlocked")
    assert "has no dvc.lock (it is no version" in line()


def test_raw_files_come_from_the_cache_and_keep_keeps(project: Project):
    project.run("git rm -q --cached data/input/scenes.jsonl")
    project.run("dvc add -q data/input/scenes.jsonl")
    project.run("dvc repro -q ingest")
    project.commit("Raw text under DVC")
    done = project.run("stemma verify --stage ingest --keep")
    assert "verdict: exact" in done.stdout
    kept = Path(done.stdout.split("kept: ")[1].split()[0])
    assert (kept / "data/raw/sources.json").exists()
    shutil.rmtree(project.path / ".dvc/cache")
    again = project.run("stemma verify --stage ingest", check=False)
    assert "raw data is in no cache and no remote: data/input/scenes.jsonl.dvc" in again.stderr
    assert kept.exists()


def test_a_broken_input_and_a_lost_output(project: Project):
    project.run("dvc remote add -q --default shelf ../shelf")
    project.run("dvc push -q train export")
    project.commit("A remote")
    cache = project.path / ".dvc/cache/files/md5"
    listing = json.loads(object_of(project, "data/raw").read_bytes())
    broken = next(item["md5"] for item in listing if item["relpath"].endswith(".parquet"))
    content = bytearray((cache / broken[:2] / broken[2:]).read_bytes())
    content[-20] ^= 1
    (cache / broken[:2] / broken[2:]).chmod(0o644)
    (cache / broken[:2] / broken[2:]).write_bytes(content)
    for output in ("data/prepared", "models/trained"):
        object_of(project, output).unlink()
    report, told = verify(project, "--stage", "prepare", code=0)
    assert "what makes it is rebuilt too: data/raw" in told
    outputs = ["code.lock", "params.yaml", "data/raw", "models/base", "data/prepared"]
    assert [row["output"] for row in report["rows"]] == outputs
    notes = {row["output"]: row["note"] for row in report["rows"]}
    assert notes["data/prepared"] == "dvc.lock's is not in the cache and not in the remote"


def object_of(project: Project, output: str) -> Path:
    """Return the object in the cache that lists an output's files."""
    text = (project.path / "dvc.lock").read_text()
    md5 = re.findall(rf"- path: {output}\n      hash: md5\n      md5: (\S+)", text)[0]
    return project.path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interruption_leaves_nothing_behind(project: Project, number: signal.Signals):
    command = ["stemma", "verify", "--stage", "prepare"]
    started = subprocess.Popen(
        command, cwd=project.path, env=environment(project.path), stderr=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    assert started.stderr.readline().startswith("rebuilding prepare")
    children = descendants(started.pid)
    assert children
    started.send_signal(number)
    said = started.stderr.read()
    if number == signal.SIGKILL:
        # DVC goes on until its stage ends; then the next verify sweeps.
        assert started.wait() == -number
        assert left_behind(project) != []
        wait_for_end(children)
        project.run("stemma verify --stage trian", check=False)
        project.run("stemma verify --stage ingest")
    else:
        assert started.wait() == 130
        assert "stemma: interrupted" in said
        assert not any(map(lives, children))
    assert left_behind(project) == []


def test_a_killed_dvc_is_a_stage_that_stopped(project: Project):
    started = subprocess.Popen(
        ["stemma", "verify", "--stage", "prepare", "--json"],
        cwd=project.path,
        env=environment(project.path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stderr is not None
    assert started.stderr.readline().startswith("rebuilding prepare")
    os.kill(descendants(started.pid)[0], signal.SIGKILL)
    report = json.loads(started.communicate()[0])
    assert started.returncode == 1
    assert evidence_of(report) == "stopped: DVC was stopped by signal 9"
    assert left_behind(project) == []


def descendants(process: int) -> list[int]:
    """Return children first, then theirs."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    children = [int(child) for child in listed]
    return children + [grand for child in children for grand in descendants(child)]


def lives(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for_end(processes: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(map(lives, processes)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
