"""dvc repro and stemma verify where the cache is read-only, or its disk full."""

import ctypes
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from project import Project, environment

WEIGHTS = 1_008_000  # bytes
HALF = WEIGHTS // 2


def permissions_hold() -> None:
    """Let permissions hold for root too."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP CAP_DAC_OVERRIDE


def full_beyond(size: int) -> Callable[[], None]:
    """Let no file grow beyond so many bytes, until a child lifts the limit with ``ulimit -S``."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def under(
    fault: Callable[[], None], repo: Project, *command: str
) -> subprocess.CompletedProcess[str]:
    """Run a command under a fault."""
    return subprocess.run(
        command,
        cwd=repo.path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=fault,
    )


def objects(repo: Project) -> dict[str, bytes]:
    folder = repo.path / ".dvc/cache/files/md5"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def weights(repo: Project) -> bytes:
    return (repo.path / "models/trained/model.safetensors").read_bytes()


def another_rate(repo: Project) -> None:
    (repo.path / "params.yaml").write_text("rate: 9\n")


def lift_the_limit_for_the_stage(repo: Project) -> None:
    """Only what DVC itself writes does not fit."""
    path = repo.path / "dvc.yaml"
    path.write_text(path.read_text().replace("cmd: ", "cmd: ulimit -S -f unlimited && "))


def left_behind(repo: Project) -> list[str]:
    trees = repo.run("git worktree list").stdout.splitlines()[1:]
    return [*trees, *map(str, (repo.path / ".dvc/tmp").glob("verify-*"))]


@pytest.fixture
def read_only(repo: Project) -> Iterator[Path]:
    """The repository's cache, in which no file and no folder can be written."""
    cache = repo.path / ".dvc/cache"
    folders = [cache, *(path for path in cache.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield cache
    for folder in folders:
        folder.chmod(0o755)


def test_repro_into_a_read_only_cache_keeps_the_lock_and_the_cache(repo, read_only):
    before, lock = objects(repo), (repo.path / "dvc.lock").read_bytes()
    another_rate(repo)
    done = under(permissions_hold, repo, "dvc", "repro")
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR: failed to reproduce 'train': [Errno 13] Permission denied: ")
    assert (repo.path / "dvc.lock").read_bytes() == lock
    assert objects(repo) == before
    # What the stage made is there, whole; what it replaced comes back from the cache.
    assert len(weights(repo)) == WEIGHTS
    assert weights(repo) not in before.values()
    repo.run("git reset -q --hard")
    repo.run("dvc checkout -q --force")
    assert weights(repo) in before.values()


def test_repro_with_a_full_disk_for_the_cache_loses_nothing_and_fsck_tells(repo):
    before = objects(repo)
    lift_the_limit_for_the_stage(repo)
    another_rate(repo)
    done = under(full_beyond(HALF), repo, "dvc", "repro")
    # DVC 3.67 says so in one line, and then writes the lock and exits with 0.
    assert done.returncode == 0
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("ERROR: "))
    assert line.startswith("ERROR: failed to transfer ")
    assert "File too large: " in line
    assert before.items() <= objects(repo).items()
    assert len(weights(repo)) == WEIGHTS
    assert weights(repo) not in objects(repo).values()
    repo.commit("A lock without its object")
    told = repo.run("stemma fsck --remote store", check=False)
    assert told.returncode == 1
    assert "missing" in told.stdout
    # With room again, the same command mends it; the half of an object can go.
    repo.run("dvc repro -q")
    repo.run("stemma gc --yes --unpushed")
    assert weights(repo) in objects(repo).values()
    assert not [name for name in objects(repo) if name.endswith(".tmp")]
    repo.run("stemma fsck")


def test_verify_only_reads_the_cache(repo, read_only):
    before = objects(repo)
    done = under(permissions_hold, repo, "stemma", "verify")
    assert done.returncode == 0, done.stderr
    assert "verdict: exact" in done.stdout
    assert objects(repo) == before


def test_verify_that_cannot_fetch_says_why(repo, read_only):
    raw = read_only / "files/md5/be/1f148abf98a0c19f114826ff71ed21"  # corpus.txt
    raw.parent.chmod(0o755)
    raw.unlink()
    raw.parent.chmod(0o555)
    before = objects(repo)
    done = under(permissions_hold, repo, "stemma", "verify")
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("stemma: raw data cannot be fetched: corpus.txt.dvc: ERROR: failed to ")
    assert "Permission denied: " in line
    assert "Traceback" not in done.stderr
    assert objects(repo) == before
    assert left_behind(repo) == []


@pytest.mark.parametrize("stage_too", [True, False])
def test_verify_on_a_full_disk_leaves_nothing_behind(repo, stage_too):
    if not stage_too:
        lift_the_limit_for_the_stage(repo)
        repo.run("dvc repro -q")
        repo.commit("A stage that lifts the limit")
    before, status = objects(repo), repo.run("git status --porcelain").stdout
    done = under(full_beyond(HALF), repo, "stemma", "verify")
    assert done.returncode == 1
    if stage_too:
        assert "likely cause: stopped: ERROR: failed to reproduce 'train'" in done.stdout
    else:
        line = done.stderr.splitlines()[-1]
        assert line.startswith("stemma: DVC cannot keep the rebuild: ERROR: failed to transfer ")
        assert line.endswith("(make room where .dvc/tmp is)")
    assert "Traceback" not in done.stderr
    assert objects(repo) == before
    assert repo.run("git status --porcelain").stdout == status
    assert left_behind(repo) == []
