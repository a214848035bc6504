"""The names of versions, and what of a command line is a revision."""

from pathlib import Path

import pytest
from project import Project

from stemma.store import refs
from stemma.store.errors import ProjectError


def commit_of(root: Path, name: str) -> str:
    return Project(root).run(["git", "rev-parse", f"{name}^{{commit}}"]).stdout.strip()


def ref_of_the_experiment(root: Path) -> str:
    form = "--format=%(refname)"
    return Project(root).run(["git", "for-each-ref", form, "refs/exps/*/*/*"]).stdout.strip()


def test_tags_stand_before_branches_and_experiments_last(repo: Project) -> None:
    repo.run(["git", "tag", "-a", "-m", "annotated", "noted", "HEAD"])
    repo.run("git update-ref refs/remotes/origin/main v1")
    repo.run("git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main")
    main, first = commit_of(repo.path, "main"), commit_of(repo.path, "v1")
    tried = commit_of(repo.path, ref_of_the_experiment(repo.path))
    assert refs.names(repo.path) == [
        ("noted", main),
        ("v1", first),
        ("main", main),
        ("origin/main", first),
        ("tried", tried),
    ]
    assert refs.tips_of(repo.path)[first] == ["v1", "origin/main"]
    repo.run("git checkout -q --detach v1")
    assert refs.names(repo.path)[0] == ("HEAD", first)


def test_an_experiment_is_found_by_its_name(versions: Path) -> None:
    ref = ref_of_the_experiment(versions)
    assert refs.experiment("tried", versions) == ref
    assert refs.experiment("nothing", versions) == ""
    assert refs.experiments(versions) == [ref]
    assert refs.commit_of("tried", versions) == commit_of(versions, ref)
    assert refs.commit_of("v1", versions) == commit_of(versions, "v1")
    assert refs.find("nothing", versions) is None
    with pytest.raises(ProjectError, match="'nothing' names no commit"):
        refs.commit_of("nothing", versions)


def test_what_dvc_keeps_for_itself_is_no_experiment() -> None:
    assert refs.is_experiment(f"refs/exps/ab/{'c' * 38}/tried")
    for name in ("refs/exps/exec/EXEC_HEAD", "refs/exps/celery/stash/x", "refs/heads/exps/ab/c/d"):
        assert not refs.is_experiment(name)


def test_the_scope_of_a_list(versions: Path) -> None:
    ref = ref_of_the_experiment(versions)

    def scope(*words: str, everything: bool = False, experiments: bool = False):
        return refs.parse_scope(words, everything, experiments, versions)

    assert scope() == ([], None)
    assert scope("v1..main") == (["v1..main"], None)
    assert scope("^v1", "main") == (["^v1", "main"], None)
    assert scope("v1..tried") == ([f"v1..{ref}"], None), "an experiment stands in ranges too"
    assert scope("main", "models/trained") == (["main"], "models/trained")
    assert scope("..") == ([], ".."), "a range without ends is a path"
    assert scope(everything=True) == (["--branches", "--tags", "--remotes"], None)
    assert scope(experiments=True) == (["HEAD", ref], None)
    with pytest.raises(ProjectError, match="'nothing' is no revision"):
        scope("nothing", "main")
