"""gc: what a version needs stays, whatever holds on to it; what nothing holds on to can go."""

import json
from pathlib import Path

import pytest
import versioned
from project import Project


def objects(repo: Project) -> set[str]:
    folder = repo.path / ".dvc/cache/files/md5"
    return {f.parent.name + f.name for f in folder.rglob("*") if f.is_file()}


def train(repo: Project, rate: float) -> set[str]:
    """Build a version without committing it; return the objects that it added."""
    before = objects(repo)
    (repo.path / "params.yaml").write_text(f"rate: {rate}\n")
    repo.run("dvc repro -q")
    return objects(repo) - before


def abandoned(repo: Project) -> set[str]:
    """Build a version and go back without keeping it anywhere."""
    added = train(repo, 9)
    versioned.back(repo)
    assert len(added) == 2  # weights and the listing
    return added


def collect(repo: Project, *options: str) -> None:
    repo.run(["stemma", "gc", "--yes", "--unpushed", *options])


def test_what_no_version_refers_to_goes_and_nothing_else(repo):
    before = objects(repo)
    added = abandoned(repo)
    assert objects(repo) == before | added
    collect(repo)
    assert objects(repo) == before
    assert repo.run("stemma fsck").returncode == 0


def test_dvc_gc_deletes_an_experiment_that_was_never_pushed_and_this_does_not(repo):
    """The reason for the verb: no flag but --all-experiments keeps them."""
    before = objects(repo)
    repo.run("dvc exp run -q -n unpushed -S rate=5")
    only_here = objects(repo) - before
    versioned.back(repo)
    assert len(only_here) == 2
    collect(repo)
    assert objects(repo) == before | only_here
    for flags in ("-A", "-a -T"):
        done = repo.run(f"dvc gc {flags} --dry -f")
        assert all(f"{key[:2]}/{key[2:]}" in done.stdout + done.stderr for key in only_here)
    repo.run("dvc gc -w -f")
    assert not only_here & objects(repo)


def keep_branch(repo: Project) -> None:
    repo.run("git checkout -q -b side")
    repo.commit("A branch")
    repo.run("git checkout -q main")


def keep_history(repo: Project) -> None:
    repo.commit("Only history has this")
    train(repo, 10)
    repo.commit("The tip has that")


def keep_tag(repo: Project) -> None:
    repo.run("git checkout -q --detach")
    repo.commit("Only a tag has this")
    repo.run("git tag kept")
    repo.run("git checkout -q main")
    repo.run("git reflog expire --expire=now --all")


def keep_remote_branch(repo: Project) -> None:
    repo.run("git checkout -q --detach")
    repo.run(["git", "update-ref", "refs/remotes/origin/theirs", repo.commit("A colleague's")])
    repo.run("git checkout -q main")
    repo.run("git reflog expire --expire=now --all")


def keep_amended(repo: Project) -> None:
    repo.commit("A slip")
    train(repo, 10)
    repo.run("git add -A")
    repo.run("git commit -q --amend -m Better")


def keep_stash(repo: Project) -> None:
    repo.run("git stash -q")


def keep_workspace(repo: Project) -> None:
    assert repo.run("git status --porcelain").stdout


@pytest.mark.parametrize(
    "keep",
    [
        keep_branch,
        keep_history,
        keep_tag,
        keep_remote_branch,
        keep_amended,
        keep_stash,
        keep_workspace,
    ],
)
def test_what_git_holds_on_to_stays(repo, keep):
    added = train(repo, 9)
    keep(repo)
    if keep is not keep_workspace:
        versioned.back(repo)
    collect(repo)
    assert added <= objects(repo)


def test_what_no_remote_has_stays_unless_it_may_go(repo):
    added = abandoned(repo)
    done = repo.run("stemma gc --yes")
    assert "2 objects that no version refers to stay" in done.stdout
    assert added <= objects(repo)
    train(repo, 9)
    repo.run("dvc push -q")
    versioned.back(repo)
    repo.run("stemma gc --yes")
    assert not added & objects(repo)


def test_it_shows_and_asks(repo):
    added = abandoned(repo)
    done = repo.run(["bash", "-c", "echo n | stemma gc --unpushed"])
    assert "model.safetensors" in done.stdout
    assert "2 objects, 1.0 MB, can go" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert added <= objects(repo)
    # Nobody there to answer.
    assert repo.run(["bash", "-c", "stemma gc --unpushed </dev/null"], check=False).returncode == 1
    assert added <= objects(repo)
    told = json.loads(repo.run("stemma gc --unpushed --json").stdout)
    assert set(told["objects"]) == added
    assert told["deleted"] is False
    assert added <= objects(repo)
    repo.run(["bash", "-c", "echo y | stemma gc --unpushed"])
    assert not added & objects(repo)
    assert "nothing to delete" in repo.run("stemma gc --unpushed").stdout


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"[]")])
def test_files_of_a_listing_that_is_not_sound_are_not_known(repo, harm):
    (key,) = (key for key in train(repo, 9) if key.endswith(".dir"))
    repo.commit("Only here")
    train(repo, 10)
    repo.commit("The next")
    path = repo.path / ".dvc/cache/files/md5" / key[:2] / key[2:]
    path.chmod(0o644)
    harm(path)
    before = objects(repo)
    done = repo.run("stemma gc --yes --unpushed", check=False)
    assert done.returncode == 1
    assert "models/trained" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert objects(repo) == before


def share(repo: Project, tmp_path: Path) -> Path:
    """Let the project use a cache beside it."""
    (repo.path / ".dvc/cache").rename(tmp_path / "shared")
    repo.run("dvc cache dir -q ../shared")
    repo.commit("A shared cache")
    return tmp_path / "shared/files/md5"


def clone(repo: Project, folder: Path) -> Project:
    """Make a clone that uses the same cache, and has a version that it alone knows."""
    repo.run(["git", "clone", "-q", str(repo.path), str(folder)])
    other = Project(folder)
    other.run("dvc checkout -q")
    (folder / "params.yaml").write_text("rate: 66\n")
    other.run("dvc repro -q")
    other.commit("Only here")
    return other


def test_a_cache_that_others_may_use_is_left_alone_until_they_are_named(repo, tmp_path):
    objects = share(repo, tmp_path)
    before = {*objects.rglob("*")}
    other = clone(repo, tmp_path / "other")
    theirs = {*objects.rglob("*")} - before
    assert theirs
    for options in ([], ["--json"], ["--yes"]):
        done = repo.run(["stemma", "gc", "--unpushed", *options], check=False)
        assert done.returncode == 1
        assert str(tmp_path / "shared") in done.stderr and "--projects PATH" in done.stderr
    collect(repo, "--projects", "../other")
    assert {*objects.rglob("*")} == before | theirs
    # What the other has in its working tree only, and in a worktree of its own.
    (other.path / "params.yaml").write_text("rate: 67\n")
    other.run("dvc repro -q")
    other.run(["git", "worktree", "add", "-q", "--detach", str(tmp_path / "third")])
    third = Project(tmp_path / "third")
    (third.path / "params.yaml").write_text("rate: 68\n")
    third.run("dvc repro -q")
    everything = {*objects.rglob("*")}
    collect(repo, "--projects", "../other")
    assert {*objects.rglob("*")} == everything
    # Named alone, the project says that there is no other.
    collect(repo, "--projects", ".")
    assert {file for file in objects.rglob("*") if file.is_file()} <= before


def test_a_link_to_a_cache_elsewhere_and_one_that_is_set_to_be_shared(repo, tmp_path):
    (repo.path / ".dvc/cache").rename(tmp_path / "shared")
    (repo.path / ".dvc/cache").symlink_to(tmp_path / "shared")
    done = repo.run("stemma gc --unpushed --yes", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (repo.path / ".dvc/cache").unlink()
    (tmp_path / "shared").rename(repo.path / ".dvc/cache")
    collect(repo)
    repo.run("dvc config cache.shared group")
    assert repo.run("stemma gc --unpushed --yes", check=False).returncode == 1


def test_a_named_folder_that_has_no_part_in_the_cache(repo, tmp_path):
    (tmp_path / "empty").mkdir()
    done = repo.run("stemma gc --yes --unpushed --projects ../empty", check=False)
    assert (done.returncode, "is no project of DVC" in done.stderr) == (1, True)
    apart = Project(tmp_path / "apart")
    repo.run(["git", "clone", "-q", str(repo.path), str(apart.path)])
    done = repo.run("stemma gc --yes --unpushed --projects ../apart", check=False)
    assert (done.returncode, "does not use the cache" in done.stderr) == (1, True)


@pytest.mark.parametrize("kind", ["worktree", "experiment"])
def test_what_another_working_tree_has_and_did_not_commit_stays(repo, tmp_path, kind):
    if kind == "worktree":
        second = Project(tmp_path / "second")
        repo.run(["git", "worktree", "add", "-q", "--detach", str(second.path)])
    else:  # as DVC lays one out that it runs beside the working tree
        second = Project(repo.path / ".dvc/tmp/exps/standalone/tmpabc")
        repo.run(["git", "clone", "-q", str(repo.path), str(second.path)])
    second.run(["dvc", "cache", "dir", "-q", "--local", str(repo.path / ".dvc/cache")])
    before = objects(repo)
    (second.path / "params.yaml").write_text("rate: 9\n")
    second.run("dvc repro -q")
    added = objects(repo) - before
    assert len(added) == 2
    collect(repo)
    assert objects(repo) == before | added
    if kind == "experiment":
        return
    # From there the cache lies outside; what the first has and did not commit counts as well.
    more = train(repo, 10)
    collect(second, "--projects", ".")
    assert objects(repo) == before | added | more
    # Committed, with nothing but the worktree's own HEAD to reach it.
    second.commit("Detached")
    collect(repo)
    assert added <= objects(repo)
