"""A temporary Git worktree that is removed whatever happens, and commands that run in it.

Everything stands in one folder, ``.dvc/tmp/verify-*``: on the project's disk, and ignored by Git. A
lock on it is held by this process and by its children for as long as one of them lives; a folder
whose lock is free was left by a killed process, and the next one removes it.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stemma.store import git
from stemma.store.errors import ProjectError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE = 5.0  # seconds
_CHECKOUT = "tree"
# Git sets them for a hook; they would lead a child back to the user's own repository.
_GIT_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")

# All files, with the bytes of the commit, whatever the user's own checkouts are like; and without
# the hook of `dvc install`, which would check out from a cache that is not there.
_SETTINGS = {
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.attributesFile": os.devnull,
    "core.sparseCheckout": "false",
    "core.hooksPath": os.devnull,
}
_AS_COMMITTED = [word for pair in _SETTINGS.items() for word in ("-c", "=".join(pair))]


class Worktree:
    """A clean checkout of a commit.

    Attributes:
        folder: what is deleted in the end; it has room for scratch files beside the checkout.
        checkout: of the whole repository.
        tree: the project in it, the working directory of the commands.
    """

    def __init__(self, folder: Path, handle: int, root: Path) -> None:
        self.folder = folder
        self.checkout = folder / _CHECKOUT
        # The project may be a subfolder of its repository.
        self.tree = self.checkout / git.run(["rev-parse", "--show-prefix"], root).strip()
        self._handle = handle

    def run(
        self, command: Sequence[str], see: Callable[[str], None] = lambda line: None
    ) -> tuple[int, list[str]]:
        """Run a command with the commit's own code; return its exit code and what it printed.

        Args:
            command: words.
            see: called with each line as it is printed.
        """
        child = subprocess.Popen(
            command,
            cwd=self.tree,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            pass_fds=(self._handle,),
            start_new_session=True,
        )
        said = []
        assert child.stdout is not None
        try:
            for line in child.stdout:
                said.append(line.rstrip())
                see(said[-1])
            return child.wait(), said
        finally:
            # Also after a good end: a killed dvc leaves its stage running.
            _end_group(child)

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in _GIT_HOOK}
        paths = {"PYTHONPATH": self.tree / "src", "PATH": Path(sys.executable).parent}
        return kept | {
            key: os.pathsep.join(filter(None, (str(first), kept.get(key))))
            for key, first in paths.items()
        }


@contextlib.contextmanager
def worktree(commit: str, root: Path, keep: bool) -> Iterator[Worktree]:
    """Check a commit out into a temporary worktree, and remove it at the end.

    An interruption (Ctrl-C, SIGTERM, SIGHUP) inside the block is a KeyboardInterrupt.

    Raises:
        ProjectError: Git cannot make it.
    """
    parent = root.resolve() / ".dvc/tmp"
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent, root)
    folder = parent / f"{'kept' if keep else 'verify'}-{secrets.token_hex(4)}"
    handle = None
    with _interruptible():
        try:
            # A git that is killed half-way leaves a worktree that it cannot remove.
            with _undisturbed():
                folder.mkdir()
                handle = _try_lock(folder)
                assert handle is not None
                add = ["worktree", "add", "--detach", "--quiet", str(folder / _CHECKOUT), commit]
                git.run([*_AS_COMMITTED, *add], root)
            yield Worktree(folder, handle, root)
        finally:
            with _undisturbed():
                if not keep:
                    _remove(folder, root)
                if handle is not None:
                    os.close(handle)


@contextlib.contextmanager
def lasting(name: str, root: Path) -> Iterator[Worktree]:
    """Yield a worktree that outlives an error or a kill, so that the next one goes on in it.

    The checkout is made by ``open_branch``; ``close`` removes all of it.

    Args:
        name: of its folder in .dvc/tmp.
        root: the project.

    Raises:
        ProjectError: another process works in it.
    """
    folder = root.resolve() / ".dvc/tmp" / name
    folder.mkdir(parents=True, exist_ok=True)
    handle = _try_lock(folder)
    if handle is None:
        raise ProjectError(f"another process works in {folder}", "wait until it is done")
    try:
        with _interruptible():
            yield Worktree(folder, handle, root)
    finally:
        # Where nothing was begun nothing is left.
        with contextlib.suppress(OSError):
            folder.rmdir()
        os.close(handle)


def open_branch(site: Worktree, branch: str, commit: str, root: Path) -> None:
    """Check a commit out on a branch; what stood in the worktree or on the branch is gone.

    Raises:
        ProjectError: Git cannot make it.
    """
    # A git that is killed half-way leaves a worktree that it cannot remove.
    with _undisturbed():
        _drop_tree(site.checkout, root)
        git.run(["worktree", "prune"], root)
        add = ["worktree", "add", "--quiet", "-B", branch, str(site.checkout), commit]
        git.run([*_AS_COMMITTED, *add], root)


def close(site: Worktree, root: Path) -> None:
    """Remove a lasting worktree and what stands beside it; its branch stays."""
    with _undisturbed():
        _remove(site.folder, root)
        git.run(["worktree", "prune"], root)


def _sweep(parent: Path, root: Path) -> None:
    # Of a kept one the user removes the worktree; the rest is of no use without it.
    given_up = [kept for kept in parent.glob("kept-*") if not (kept / _CHECKOUT).exists()]
    for folder in [*parent.glob("verify-*"), *given_up]:
        handle = _try_lock(folder)
        if handle is not None:
            _remove(folder, root)
            os.close(handle)


def _try_lock(folder: Path) -> int | None:
    # A folder can be locked itself; so there is no lock file to leave behind.
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _remove(folder: Path, root: Path) -> None:
    _drop_tree(folder / _CHECKOUT, root)
    shutil.rmtree(folder, ignore_errors=True)


def _drop_tree(tree: Path, root: Path) -> None:
    # Git refuses if it was stopped before it had registered the worktree; then there is none.
    command = ["git", "-C", str(root), "worktree", "remove", "--force", "--force"]
    subprocess.run([*command, str(tree)], capture_output=True, check=False)
    shutil.rmtree(tree, ignore_errors=True)


def _end_group(child: subprocess.Popen[str]) -> None:
    with _undisturbed():
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_GRACE)
        # It ends when the last process of the group has: none may write while the folder goes.
        assert child.stdout is not None
        child.stdout.read()
        child.stdout.close()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
