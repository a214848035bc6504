"""Repositories and files that are not as they should be: one line each, or an answer all the same.

A verb that reads versions belongs into VERBS.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import known
import pytest
from history import History
from project import Project, environment
from refusing import git, project, refused, run

from stemma.store.naming import resolve

VERBS = {
    "log": ["log"],
    "diff": ["diff", "HEAD"],
    "trace": ["trace", "--id", "doc"],
    "forget": ["forget", "doc", "--why", "asked"],
    "show": ["show", "HEAD"],
    "bisect": ["bisect", "--metric", "loss", "--good", "one", "--bad", "two"],
}
verbs = pytest.mark.parametrize("verb", VERBS)
ANSWERS = {
    "log": "[train.steps] (two",
    "diff": "the working tree\n",
    "trace": "Trained on by 2 versions",
    "forget": "revoked: doc (",
    "show": "train.steps=2",
    "bisect": "The first version with a worse loss, nats is",
}
"""What each of them says of the project of two versions, wherever that stands."""


def answered(folder: Path, verb: str) -> None:
    """Hold a verb to the answer that it gives in a project as it should be."""
    done = run(folder, *VERBS[verb])
    assert done.exit_code == 0, done.output
    assert ANSWERS[verb] in done.stdout


NO_REPOSITORY = (
    "stemma: there is no Git repository here (go to the folder of a project, or make it one: "
    "`git init && dvc init`)"
)


@verbs
def test_no_git_repository(tmp_path: Path, verb: str):
    line = refused(tmp_path, *VERBS[verb])
    assert line == NO_REPOSITORY


def test_no_git_repository_and_no_revision(tmp_path: Path):
    assert refused(tmp_path, "show") == NO_REPOSITORY


@pytest.mark.parametrize(
    "words", [*VERBS.values(), ["show"], ["status"], ["verify"], ["fsck"], ["gc"]]
)
def test_an_unpacked_archive_of_a_project(tmp_path: Path, words: list[str]):
    made = project(tmp_path / "project")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    archive = ["archive", "--format=tar", "-o", str(tmp_path / "it.tar"), "HEAD"]
    git(made.root, *archive)
    subprocess.run(["tar", "-xf", tmp_path / "it.tar", "-C", unpacked], check=True)
    line = refused(unpacked, *words)
    assert "unpacked is no Git repository" in line
    assert "`git init && " in line


def test_a_repository_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = project(tmp_path / "project")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    line = refused(made.root, "log")
    assert "detected dubious ownership in repository at" in line
    assert f"(type `git config --global --add safe.directory {made.root}`)" in line


UNBORN = {
    "log": "git log: your current branch 'main' does not have any commits yet",
    "diff": "there is no commit yet (",
    "trace": "no version has data/prepared/manifest.parquet (build one with",
    "forget": "no version has a document with the id 'doc' (",
    "show": "there is no commit yet (",
    "bisect": "there is no commit yet (",
}


@verbs
def test_no_commit(tmp_path: Path, verb: str):
    git(tmp_path, "init", "-q", "-b", "main")
    assert UNBORN[verb] in refused(tmp_path, *VERBS[verb])


STRANGE = UNBORN | {
    "log": "there is no version yet (build one with `dvc repro`, and commit it)",
    "diff": "HEAD is no version: it has no dvc.lock (",
    "show": "HEAD has no dvc.lock (",
    "bisect": "'one' is no commit",
}


@verbs
def test_a_repository_that_is_no_project(tmp_path: Path, verb: str):
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "something else")
    assert STRANGE[verb] in refused(tmp_path, *VERBS[verb])


@verbs
def test_a_folder_within_a_project(tmp_path: Path, verb: str):
    project(tmp_path / "project")
    # As at the top: what is said, and how it ends.
    below, above = (
        run(tmp_path / "project" / place, *VERBS[verb]) for place in ("data/prepared", ".")
    )
    assert below.exit_code == above.exit_code
    # What is forgotten already is told in other words.
    assert verb == "forget" or below.output == above.output
    assert run(tmp_path / "project/data", verb, "--help").exit_code == 0


@pytest.mark.parametrize("name", ["nowhere", "HEAD~9", "two^{tree}", "", "two..HEAD", "0" * 40])
def test_a_revision_that_there_is_not(tmp_path: Path, name: str):
    project(tmp_path / "project")
    for words in (["diff", name], ["diff", "HEAD", name]):
        line = refused(tmp_path / "project", *words)
        assert f"'{name}' is no commit, experiment or folder (see `git log" in line


def test_a_revision_that_log_does_not_know(tmp_path: Path):
    project(tmp_path / "project")
    line = refused(tmp_path / "project", "log", "nowhere", "HEAD")
    assert "'nowhere' is no revision (see `git log" in line


def test_an_output_that_there_is_not(tmp_path: Path):
    project(tmp_path / "project")
    line = refused(tmp_path / "project", "diff", "HEAD:models/nothing", "HEAD")
    assert "HEAD has no output models/nothing (" in line


# Bisect is given both ends, and shows no names.
DETACHED = {"log": " (HEAD, one) ", "diff": "HEAD  {head}, ", "bisect": ANSWERS["bisect"]}


@verbs
def test_a_detached_head(tmp_path: Path, verb: str):
    made = project(tmp_path / "project")
    made.git("checkout", "-q", "--detach", "HEAD~1")
    done = run(made.root, *VERBS[verb])
    assert done.exit_code == 0, done.output
    shown = DETACHED.get(verb, "HEAD, one")
    assert shown.format(head=made.git("rev-parse", "--short=10", "one")) in done.stdout


@verbs
def test_a_project_below_the_top_of_a_repository(tmp_path: Path, verb: str):
    git(tmp_path, "init", "-q", "-b", "main")
    inner = tmp_path / "team/model"
    made = project(inner)
    for tag in ("one", "two"):
        made.git("checkout", "-q", tag)
        # Else it would be a repository within the other.
        (inner / ".git").rename(tmp_path / "away")
        git(tmp_path, "add", "team")
        git(tmp_path, "commit", "-q", "-m", tag)
        git(tmp_path, "tag", tag)
        (tmp_path / "away").rename(inner / ".git")
    shutil.rmtree(inner / ".git")
    answered(inner, verb)
    assert "train.steps 1 → 2" in run(inner, "diff", "HEAD~1").stdout
    (inner / "params.yaml").write_text("train:\n  steps: 4\n")
    assert "train.steps 2 → 4" in run(inner, "diff").stdout


@verbs
def test_a_project_in_a_submodule(tmp_path: Path, verb: str):
    made = project(tmp_path / "project")
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main")
    git(outer, "submodule", "--quiet", "add", str(made.root), "inner")
    unknown = run(outer / "inner", "trace", "--id", "doc").stdout.split()
    assert "manifest.parquet of" in " ".join(unknown) and "is not in the cache" in " ".join(unknown)
    (outer / "inner/.dvc/cache").symlink_to(made.root / ".dvc/cache")
    answered(outer / "inner", verb)
    assert "train.steps 1 → 2" in run(outer / "inner", "diff", "HEAD~1", "HEAD").stdout


@verbs
def test_a_project_with_a_submodule(tmp_path: Path, verb: str):
    made = project(tmp_path / "project")
    other = History(tmp_path / "other")
    other.commit({})
    git(made.root, "submodule", "--quiet", "add", str(other.root), "vendor")
    git(made.root, "commit", "-q", "-m", "with a submodule")
    answered(made.root, verb)
    assert "are the same" in run(made.root, "diff", "HEAD~1", "HEAD").stdout
    assert "are the same" in run(made.root, "diff").stdout


@pytest.mark.parametrize("verb", ["diff", "trace", "forget"])
def test_a_shallow_clone(tmp_path: Path, verb: str):
    made = project(tmp_path / "project")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{made.root}", str(shallow))
    words = ["diff", "HEAD~1"] if verb == "diff" else VERBS[verb]
    line = refused(shallow, *words)
    assert "this clone is shallow" in line
    assert "type `git fetch --unshallow`" in line
    assert not (shallow / "data/revoked.jsonl").exists()


def test_what_a_shallow_clone_has_is_shown(tmp_path: Path):
    made = project(tmp_path / "project")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{made.root}", "shallow")
    done = run(tmp_path / "shallow", "log", "--json")
    assert len(json.loads(done.stdout)) == 1
    assert done.stderr.startswith("stemma: this clone is shallow: there are older versions (")


def test_folders_are_compared_where_there_is_no_repository(tmp_path: Path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    assert run(tmp_path, "diff", "a", "b").stdout.endswith("a and b are the same.\n")


@pytest.mark.parametrize("words", [["log"], ["log", "--json"], ["show", "HEAD"], ["diff", "HEAD"]])
def test_who_reads_no_further_is_not_told_of_it(tmp_path: Path, words: list[str]):
    made = project(tmp_path / "project")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "stemma.cli", *words],
        cwd=made.root, env=environment(), stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_folder_without_a_model_is_refused_and_not_read(tmp_path: Path):
    made = project(tmp_path / "project")
    os.mkfifo(tmp_path / "unreadable")
    assert f"{tmp_path} is no folder with a model" in refused(made.root, "diff", str(tmp_path))
    assert ". is no folder with a model" in refused(tmp_path, "diff", ".", ".")


def test_outputs_that_are_not_checked_out_are_missing(copied: Project):
    copied.run("rm -r models/trained")
    facts = json.loads(run(copied.path, "diff", "--json").stdout)
    assert facts["sections"] == {}
    said = "models/trained is not in the working tree (`dvc checkout` or `dvc repro` brings it)"
    assert facts["missing"] == {"weights": said}


def cut(path: Path) -> None:
    """Leave half of a file."""
    content = path.read_bytes()
    path.unlink()  # it may be a read-only link into the cache
    path.write_bytes(content[: len(content) // 2])


TREE = {
    "dvc.lock": "dvc.lock of the working tree cannot be read",
    "params.yaml": "params.yaml of the working tree cannot be read",
    "reports/metrics.json": "reports/metrics.json of the working tree is torn",
    "reports/examples.parquet": "reports/examples.parquet of the working tree is torn",
    "data/raw/sources.json": "data/raw/sources.json of the working tree cannot be read",
    "data/prepared/manifest.parquet": "data/prepared/manifest.parquet of the working tree",
    "data/prepared/tokenizer/tokenizer.json": "tokenizer.json of the working tree is no JSON",
    "models/trained/model.safetensors": "model.safetensors of the working tree is torn",
}


@pytest.mark.parametrize("file", TREE)
def test_a_torn_file_in_the_working_tree(copied: Project, file: str):
    path = copied.path / file
    if file in ("dvc.lock", "params.yaml"):
        path.write_text(path.read_text() + "torn: [")
    else:
        cut(path)
    line = refused(copied.path, "diff")
    assert line.startswith(f"stemma: {TREE[file]}")


CACHE = {
    "rate:data/prepared/manifest.parquet": ("trace", "forget"),
    "tuned:data/prepared/tokenizer/tokenizer.json": ("diff",),
    "rate:models/trained/model.safetensors": ("diff",),
    "tuned:models/base/base.json": ("trace", "forget"),
}


@pytest.mark.parametrize("place", CACHE)
def test_a_torn_object_in_the_cache(copied: Project, place: str):
    tag, path = place.split(":")
    first, second, file = path.split("/", 2)
    cut(resolve(tag, copied.path).path(f"{first}/{second}", file))
    words = {
        "diff": ["diff", "rewritten", tag],
        "trace": ["trace", "--id", known.CHANGED],
        "forget": ["forget", known.CHANGED, "--why", "asked"],
    }
    for verb in CACHE[place]:
        line = refused(copied.path, *words[verb])
        assert re.search(rf"{Path(file).name} of ({tag}|[0-9a-f]{{7}})\b", line), line


@pytest.mark.parametrize("verb", [*VERBS][:-1])  # which reads no lock of this one
def test_a_torn_lock_in_a_commit(tmp_path: Path, verb: str):
    made = project(tmp_path / "project")
    lock = made.root / "dvc.lock"
    lock.write_text(f"{lock.read_text().rpartition('md5: ')[0]}md5: [")
    made.git("commit", "-qam", "torn")
    line = refused(made.root, *VERBS[verb])
    assert re.search(r"dvc.lock of (HEAD|Git object [0-9a-f]{10}) cannot be read: ", line), line


@pytest.mark.parametrize("verb", ["log", "diff", "show"])
def test_a_lock_of_a_later_schema(tmp_path: Path, verb: str):
    made = project(tmp_path / "project")
    lock = made.root / "dvc.lock"
    lock.write_text(lock.read_text().replace("schema: '2.0'", "schema: '3.0'"))
    made.git("commit", "-qam", "later")
    assert "has schema 3.0 (a later DVC wrote it)" in refused(made.root, *VERBS[verb])


@verbs
def test_a_bare_repository(tmp_path: Path, verb: str):
    made = project(tmp_path / "project")
    git(tmp_path, "clone", "-q", "--bare", str(made.root), "bare.git")
    line = refused(tmp_path / "bare.git", *VERBS[verb])
    assert "bare.git is a bare repository" in line and "`git clone bare.git`" in line


@pytest.mark.parametrize("torn", ["cut", "conflict"])
def test_a_lock_that_was_torn_where_its_entries_stand_whole(tmp_path: Path, torn: str):
    made = project(tmp_path / "project")
    lock = made.root / "dvc.lock"
    marked = f"{lock.read_text()}<<<<<<< HEAD\n"
    lock.write_text(lock.read_text().rstrip("\n")[:-6] if torn == "cut" else marked)
    made.git("commit", "-qam", "torn")
    line = refused(made.root, "log")
    why = "cannot be read: " if torn == "cut" else "has the marks of an unfinished merge"
    assert re.search(rf"dvc.lock of Git object [0-9a-f]{{10}} {why}", line), line


SPOILT: dict[str, Callable[[Path], object]] = {
    "id": lambda path: path.write_text('{"id": "a"}\n'),
    "json": lambda path: path.write_text("{\n"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_torn_list_of_revocations(tmp_path: Path, how: str):
    made = project(tmp_path / "project")
    (made.root / "data").mkdir(exist_ok=True)
    SPOILT[how](made.root / "data/revoked.jsonl")
    assert "data/revoked.jsonl" in refused(made.root, *VERBS["forget"])


@pytest.mark.parametrize("file", ["models/trained/training.json", "data/prepared/data_report.json"])
def test_what_a_stage_wrote_lacks_a_key(copied: Project, file: str):
    path = copied.path / file
    path.unlink()
    path.write_text("{}")
    line = refused(copied.path, "show")
    assert f"{file} of the working tree has no key '" in line
