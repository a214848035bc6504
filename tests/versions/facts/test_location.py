"""Where the bytes of real DVC outputs are said to be, while they are taken away."""

from pathlib import Path
from typing import Any

import pytest
from project import Project

from stemma.store import refs
from stemma.store.errors import ProjectError
from stemma.store.lock import LockEntry, Stage
from stemma.store.version import built
from stemma.versions.facts.lineage import ordered
from stemma.versions.facts.location import BY_SIZE, whereabouts


def outputs(repo: Project, revision: str) -> dict[str, dict[str, Any]]:
    commit = refs.commit_of(revision, repo.path)
    found = whereabouts(built("HEAD", commit, repo.path).stages(), commit, repo.path)
    return {out["path"]: out for stage in found["stages"] for out in stage["makes"]}


def weights(repo: Project, store: Path, revision: str) -> Path:
    """Return where a store has the listing of models/trained."""
    key = outputs(repo, revision)["models/trained"]["md5"]
    return store / "files/md5" / key[:2] / key[2:]


def test_tree_cache_remote_and_git(repo: Project):
    now = outputs(repo, "HEAD")
    assert now["models/trained"]["whole"] == ["working tree", "cache", "store"]
    assert now["models/trained"]["files"] == 2
    assert now["params.copy"]["whole"] == ["Git"]
    # As large as what stands in the working tree, and not the same.
    assert outputs(repo, "v1")["models/trained"]["whole"] == ["cache", "store"]
    (repo.path / "models/trained/config.json").unlink()
    assert outputs(repo, "HEAD")["models/trained"]["whole"] == ["cache", "store"]


def test_what_is_lost_on_one_side_and_on_both(repo: Project, tmp_path: Path):
    cache, store = repo.path / ".dvc/cache", tmp_path / "store"
    weights(repo, store, "v1").unlink()
    out = outputs(repo, "v1")["models/trained"]
    assert (out["whole"], out["partly"]) == (["cache"], {"store": 2})
    weights(repo, cache, "v1").unlink()
    out = outputs(repo, "v1")["models/trained"]
    assert (out["whole"], out["partly"], out["files"]) == ([], {}, None)
    # What the working tree has is known without any listing.
    weights(repo, cache, "HEAD").unlink()
    weights(repo, store, "HEAD").unlink()
    assert outputs(repo, "HEAD")["models/trained"]["whole"] == ["working tree"]


def test_a_large_output_is_taken_by_its_size(repo: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stemma.versions.facts.location._HASHED", 1000)
    assert outputs(repo, "v1")["models/trained"]["whole"][0] == BY_SIZE


def test_a_remote_elsewhere_is_named_and_not_asked(repo: Project):
    repo.run("dvc remote add -q far s3://bucket/models")
    found = whereabouts([], refs.commit_of("HEAD", repo.path), repo.path)
    assert found["unasked"] == {"far": "s3://bucket/models"}


def test_what_git_keeps_of_a_working_tree_is_what_is_committed(repo: Project):
    stages = built("HEAD", refs.commit_of("HEAD", repo.path), repo.path).stages()

    def places() -> list[str]:
        found = whereabouts(stages, None, repo.path)["stages"][0]["makes"]
        return next(out["whole"] for out in found if out["path"] == "params.copy")

    assert places() == ["Git"]
    (repo.path / "params.copy").write_text("rate: 9\n")
    assert places() == []


def test_stages_stand_after_those_that_make_what_they_read():
    def stage(name: str, takes: str, makes: str) -> Stage:
        return Stage(name, name, (LockEntry(takes, "", 0),), (LockEntry(makes, "", 0),), {})

    listed = [stage("c", "2", "3"), stage("a", "0", "1"), stage("b", "1", "2")]
    assert [one.name for one in ordered(listed)] == ["a", "b", "c"]
    with pytest.raises(ProjectError, match="c needs what is made of it"):
        ordered([stage("c", "2", "3"), stage("b", "3", "2")])
