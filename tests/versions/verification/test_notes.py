"""Verdicts of verify in Git notes: kept, read, merged, pushed."""

import dataclasses
from pathlib import Path

import pytest
from history import History

from stemma.store.errors import ProjectError
from stemma.versions.history.records import records
from stemma.versions.verbs.verify import keep
from stemma.versions.verification.bounds import Bounds
from stemma.versions.verification.causes import LikelyCause
from stemma.versions.verification.notes import REF, VerdictNote, read
from stemma.versions.verification.verdict import Verification

BOUNDS = Bounds(0.01, 0.05)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ann")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ann@example.org")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ann")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ann@example.org")
    return History(tmp_path / "project")


def report(commit: str, verdict: str = "exact", cause: str = "unknown") -> Verification:
    findings = () if verdict == "exact" else (LikelyCause(cause, "so it is"),)
    return Verification(commit, verdict, (), findings=findings, machine="EPYC")


def test_what_is_kept_is_read_and_no_file_is_touched(history: History):
    commit = history.commit({"models/trained": {"model.safetensors": b"1"}})
    assert read(commit, history.root) == []
    before = history.git("status", "--porcelain")
    keep(report(commit, "different"), BOUNDS, history.root)
    keep(report(commit), BOUNDS, history.root)
    first, last = read(commit, history.root)
    assert {first.verdict, last.verdict} == {"different", "exact"}
    assert dataclasses.replace(last, verdict="exact", time="") == VerdictNote(
        "", "exact", "Ann", "EPYC", 0.01, 0.05
    )
    assert history.git("status", "--porcelain") == before
    assert [one.commit for one in records(["--all"], history.root)] == [commit]
    other = history.commit({"models/trained": {"model.safetensors": b"2"}})
    assert read(other, history.root) == []


def test_a_rebuild_that_stopped_says_nothing_of_the_version(history: History):
    commit = history.commit({"models/trained": {"model.safetensors": b"1"}})
    keep(report(commit, "different", cause="stopped"), BOUNDS, history.root)
    assert read(commit, history.root) == []


def test_where_git_knows_no_user(history: History, monkeypatch: pytest.MonkeyPatch):
    commit = history.commit({"models/trained": {"model.safetensors": b"1"}})
    for name in ("COMMITTER_NAME", "COMMITTER_EMAIL", "AUTHOR_NAME", "AUTHOR_EMAIL"):
        monkeypatch.delenv(f"GIT_{name}")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    history.git("config", "user.useConfigOnly", "true")
    keep(report(commit), BOUNDS, history.root)
    assert [one.by for one in read(commit, history.root)] == ["unknown"]


def test_the_notes_of_two_people_travel_and_merge(history: History, tmp_path: Path):
    commit = history.commit({"models/trained": {"model.safetensors": b"1"}})
    history.git("clone", "-q", "--bare", ".", str(tmp_path / "hub"))
    clone = tmp_path / "clone"
    history.git("clone", "-q", str(tmp_path / "hub"), str(clone))
    keep(report(commit), BOUNDS, history.root)
    keep(report(commit, "equivalent"), BOUNDS, clone)
    history.git("push", "-q", str(tmp_path / "hub"), "refs/notes/stemma/*")
    # As docs/exact.md says.
    there = ["-C", str(clone)]
    history.git(*there, "fetch", "-q", "origin", "refs/notes/stemma/*:refs/notes/theirs/*")
    theirs = ["merge", "-s", "cat_sort_uniq", "refs/notes/theirs/verified"]
    history.git(*there, "notes", "--ref", "stemma/verified", *theirs)
    assert {one.verdict for one in read(commit, clone)} == {"exact", "equivalent"}


def test_a_note_that_somebody_edited_is_one_line(history: History):
    commit = history.commit({"models/trained": {"model.safetensors": b"1"}})
    history.git("notes", "--ref", REF, "add", "-m", "it is fine, trust me", commit)
    with pytest.raises(ProjectError, match=f"the Git note on {commit[:10]} .* cannot be read"):
        read(commit, history.root)
