"""A merge that is not finished is named as one, in each file that can have a conflict."""

import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from project import ROOT, Project, environment
from refusing import project, refused, run

from stemma.errors import StemmaError
from stemma.merging import has_marks

# A file, what stands in it on both sides of the merge, and the verbs that read it.
FILES = {
    "dvc.lock": ("", ["show", "diff HEAD", "gc --yes"]),
    "dvc.yaml": ("stages:\n  made:\n    cmd: make {}\n", ["gc --yes"]),
    "params.yaml": ("train:\n  steps: 1{}\n", ["show", "diff HEAD", "compose", "compose --check"]),
    "conf/config.yaml": ("train: {}\n", ["compose"]),
    "reports/metrics.json": ('{{"loss": 1.{}}}\n', ["show", "diff HEAD"]),
    "reports/formats.json": ('{{"original": {{"bytes": {}}}}}\n', ["show"]),
    "reports/samples.md": ("## one\n\n```text\n{}\n```\n", ["show", "diff HEAD"]),
    "reports/examples.parquet": ("", ["diff HEAD"]),
    "environment.lock": ("python==3.1{}.*\n", ["show", "diff HEAD"]),
    "data/revoked.jsonl": (
        '{{"id": "{}", "sha256": "1", "why": "asked"}}\n',
        ["show", "log", "forget doc --why asked"],
    ),
    ".dvc/config": ("[core]\n    remote = r{}\n", ["show", "fsck", "gc --yes"]),
}


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in the middle of a merge that has a conflict in each of these files."""
    made = project(tmp_path_factory.mktemp("merged") / "project")
    lock = (made.root / "dvc.lock").read_text()
    for branch, number in (("side", 1), ("main", 2)):
        made.git("checkout", "-q", *(["-b", branch, "one"] if branch == "side" else [branch]))
        for path, (content, _) in FILES.items():
            (made.root / path).parent.mkdir(exist_ok=True)
            (made.root / path).write_text(content.format(number))
        (made.root / "dvc.lock").write_text(f"{lock}# {number}\n")
        pq.write_table(pa.table({"id": [str(number)]}), made.root / "reports/examples.parquet")
        made.git("add", "-f", *FILES)
        made.git("commit", "-q", "-m", branch)
    command = ["git", "merge", "-q", "side"]
    subprocess.run(command, cwd=made.root, env=environment(), check=False, capture_output=True)
    assert {*made.git("diff", "--name-only", "--diff-filter=U").split()} == {*FILES}
    return made.root


@pytest.mark.parametrize(("file", "verb"), [(f, verb) for f in FILES for verb in FILES[f][1]])
def test_a_merge_that_is_not_finished_is_named(merged: Path, tmp_path: Path, file: str, verb: str):
    there = Project(tmp_path / "project")
    subprocess.run(["cp", "-a", merged, there.path], check=True)
    for other in {*FILES} - {file}:
        there.run(["git", "checkout", "-q", "--ours", other])
        there.run(["git", "add", "-f", other])
    line = refused(there.path, *verb.split())
    assert f"{file} has the marks of an unfinished merge" in line
    assert f"`git checkout --ours {file}`, or --theirs), `git add {file}`" in line
    assert "then `dvc repro`" in line


def test_what_is_committed_can_be_read_meanwhile(merged: Path, tmp_path: Path):
    there = Project(tmp_path / "project")
    subprocess.run(["cp", "-a", merged, there.path], check=True)
    # What every verb needs, whatever it reads.
    for other in (".dvc/config", "data/revoked.jsonl"):
        there.run(["git", "checkout", "-q", "--ours", other])
    for verb in ("log", "log side", "show one", "diff one two", "fsck"):
        assert run(there.path, *verb.split()).exit_code in (0, 3), verb


@pytest.mark.parametrize("stage", ["ingest", "train"])
@pytest.mark.parametrize("file", ["params.yaml", "dvc.yaml", "environment.lock"])
def test_a_stage_that_is_run_by_hand(tmp_path: Path, monkeypatch, file: str, stage: str):
    from importlib import import_module

    for name in ("params.yaml", "dvc.yaml", "environment.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    path = tmp_path / file
    ours, theirs = "<<<<<<< HEAD\n", "=======\n>>>>>>> side\n"
    path.write_text(f"{ours}{path.read_text()}{theirs}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stage", "--traceback"])
    with pytest.raises(StemmaError, match=f"{file} has the marks of an unfinished merge"):
        import_module(f"stemma.stages.{stage}").main()


def test_what_a_model_or_a_page_writes_is_no_mark():
    assert not has_marks("a <<<<<<< HEAD\n=======\n<<<<<<<<<< \n<<<<<<<x\n")
    for line in ("<<<<<<< HEAD", ">>>>>>> side", "||||||| base", "<<<<<<< Updated upstream\r"):
        assert has_marks(f"first\n{line}\nlast\n")
    assert not has_marks("a: '<<<<<<< '")
