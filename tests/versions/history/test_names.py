"""By which names a version is known, and which versions a user means by a word."""

from pathlib import Path

import pytest
from history import History

from stemma.store.errors import ProjectError
from stemma.store.refs import parse_scope as parse
from stemma.versions.history.names import names_of
from stemma.versions.history.records import records
from stemma.versions.history.scope import tips


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "project")


def version(history: History, content: bytes) -> str:
    return history.commit({"models/trained": {"model": content}})


def empty(history: History) -> str:
    """Make a commit that leaves dvc.lock as it is."""
    history.git("commit", "-q", "--allow-empty", "-m", "notes")
    return history.git("rev-parse", "HEAD")


def names(history: History, *scope: str) -> dict[str, list[str]]:
    return names_of(records([*scope] or ["--all"], history.root), history.root)


def test_a_ref_of_a_later_commit_with_the_same_lock_names_the_version(history: History):
    first, second = version(history, b"1"), version(history, b"2")
    history.git("tag", "later", empty(history))
    assert names(history) == {second: ["later", "main"]}
    history.git("tag", "v1", first)
    assert names(history)[first] == ["v1"]


def test_tags_come_before_branches_and_experiments_last(history: History):
    first = version(history, b"1")
    history.git("update-ref", f"refs/exps/{first[:2]}/{first[2:]}/a-try", first)
    history.git("branch", "a")
    history.git("tag", "z")
    assert names(history) == {first: ["z", "a", "main", "a-try"]}
    history.git("checkout", "-q", "--detach")
    assert names(history)[first][0] == "HEAD", "where no branch is checked out"


def test_of_versions_with_one_lock_the_newest_has_the_names_of_later_commits(history: History):
    version(history, b"1")
    version(history, b"2")
    again = version(history, b"1")
    history.git("tag", "later", empty(history))
    assert names(history) == {again: ["later", "main"]}


def test_the_last_word_may_be_a_path(history: History):
    version(history, b"1")
    root = history.root
    assert parse(["main", "models/trained"], False, False, root) == (["main"], "models/trained")
    assert parse(["models"], True, False, root) == (
        ["--branches", "--tags", "--remotes"],
        "models",
    )
    assert parse([], False, False, root) == ([], None)
    with pytest.raises(ProjectError, match="'models' is no revision"):
        parse(["models", "main"], False, False, root)


def test_experiments_are_named_as_dvc_names_them(history: History):
    first = version(history, b"1")
    ref = f"refs/exps/{first[:2]}/{first[2:]}/a-try"
    history.git("update-ref", ref, first)
    history.git("update-ref", "refs/exps/exec/EXEC_BRANCH", first)
    assert parse(["main..a-try"], False, False, history.root) == ([f"main..{ref}"], None)
    assert parse([], False, True, history.root) == (["HEAD", ref], None)


def test_the_newer_ends_of_a_range(history: History):
    first, second = version(history, b"1"), version(history, b"2")
    assert tips(["main"], history.root) is None and tips([], history.root) is None
    assert tips([f"{first}..main"], history.root) == [second]
    assert tips(["^HEAD~1", "main", "HEAD"], history.root) == [second, second]
