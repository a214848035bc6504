"""What is asked of Git, of a real repository; and what is said where Git cannot answer."""

import subprocess
from pathlib import Path

import pytest
from project import Project

from stemma.store import git
from stemma.store.errors import DamagedError, ProjectError


def test_a_file_of_a_commit(versions: Path) -> None:
    assert git.content("v1", "params.yaml", versions) == b"rate: 1\n"
    assert git.content("HEAD", "params.yaml", versions) == b"rate: 3\n"
    assert git.content("v1", "nothing.yaml", versions) is None


def test_a_revision_is_found_and_a_range_is_none(versions: Path) -> None:
    commit = Project(versions).run("git rev-parse v1").stdout.strip()
    assert git.find("v1", versions) == git.find(commit[:7], versions) == commit
    assert git.find("v1..main", versions) is None
    assert git.find("nothing", versions) is None
    assert git.find("--all", versions) is None


def test_blobs_are_read_one_by_one_and_all_at_once(versions: Path) -> None:
    project = Project(versions)
    named = ("v1:params.yaml", "main:params.yaml")
    blobs = [project.run(["git", "rev-parse", name]).stdout.strip() for name in named]
    with git.blobs(versions) as read:
        assert [read(blob) for blob in blobs] == [b"rate: 1\n", b"rate: 3\n"]
    assert dict(git.contents(blobs, versions)) == {blobs[0]: b"rate: 1\n", blobs[1]: b"rate: 3\n"}


def test_a_blob_that_is_not_there_is_named(versions: Path) -> None:
    gone = "0123456789" * 4
    with (
        git.blobs(versions) as read,
        pytest.raises(DamagedError, match=f"Git object {gone} cannot"),
    ):
        read(gone)
    with pytest.raises(DamagedError, match=f"Git object {gone} cannot"):
        list(git.contents([gone], versions))


def test_who_signed_a_commit(versions: Path) -> None:
    first, last = git.signed(["v1", "main"], versions)
    assert (first["subject"], last["subject"]) == ("v1", "v3")
    assert first["author"] == "Test"
    assert git.find(first["commit"][:10], versions) == first["commit"]
    assert git.signed([], versions) == []


def test_a_conflict_is_seen_until_it_is_resolved(repo: Project) -> None:
    assert git.unmerged(repo.path) == []
    repo.run("git checkout -q -b other v1")
    (repo.path / "params.yaml").write_text("rate: 9\n", encoding="utf-8")
    repo.commit("other")
    repo.run("git merge -q main", check=False)
    assert "params.yaml" in git.unmerged(repo.path)
    repo.run("git checkout -q --theirs .")
    repo.run("git add -A")
    assert git.unmerged(repo.path) == []
    assert git.unmerged(repo.path.parent) == [], "no repository has no conflict"


def test_a_shallow_clone_is_known(versions: Path, tmp_path: Path) -> None:
    assert not git.is_shallow(versions)
    clone = ["git", "clone", "-q", "--depth", "1", versions.as_uri(), str(tmp_path / "clone")]
    subprocess.run(clone, check=True)
    assert git.is_shallow(tmp_path / "clone")


@pytest.mark.parametrize(
    ("folders", "message", "hint"),
    [
        ((), "there is no Git repository here", "git init && dvc init"),
        (
            (".dvc",),
            "is no Git repository, though DVC's settings are here",
            "`git clone` brings it",
        ),
    ],
)
def test_no_repository(tmp_path: Path, folders: tuple[str], message: str, hint: str) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert not git.is_repository(tmp_path)
    with pytest.raises(ProjectError, match=message) as caught:
        git.run(["log"], tmp_path)
    assert hint in caught.value.hint


def test_the_reason_of_git_is_passed_on(versions: Path) -> None:
    with pytest.raises(ProjectError, match=r"git rev-parse: .*nothing.*see `git status`"):
        git.run(["rev-parse", "nothing"], versions)


@pytest.mark.parametrize(
    "ask",
    [
        lambda root: git.run(["log"], root),
        lambda root: git.find("HEAD", root),
        lambda root: git.content("HEAD", "dvc.lock", root),
        lambda root: git.is_repository(root),
        lambda root: list(git.contents(["0" * 40], root)),
        lambda root: git.blobs(root).__enter__(),
    ],
)
def test_without_git_one_line_says_what_to_install(versions: Path, monkeypatch, ask) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ProjectError, match="git is not installed, or not on the PATH") as caught:
        ask(versions)
    assert "git-scm.com" in caught.value.hint


def test_a_folder_that_is_gone_is_not_taken_for_a_missing_git(versions: Path) -> None:
    with pytest.raises(ProjectError, match="git log"):
        git.run(["log"], versions / "nowhere")
