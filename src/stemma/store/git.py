"""What Stemma asks of Git, through the git command: no working tree is touched."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from stemma.store.errors import DamagedError, ProjectError

_REASONS = ("fatal: ", "error: ")
_REASON = re.compile(f"^({'|'.join(_REASONS)})")
_SIGNED = {"commit": "%H", "date": "%as", "author": "%an", "subject": "%s"}


def run(arguments: Sequence[str], root: Path = Path(), given: str | None = None) -> str:
    """Return what ``git ARGUMENTS`` prints, with ``given`` on its standard input.

    Raises:
        ProjectError: git fails; with what it says, and the command that it recommends if it does.
    """
    # Whatever the locale, or the configuration for commits: names and messages come in UTF-8.
    words = ["-c", "i18n.logOutputEncoding=UTF-8", "-C", str(root), *arguments]
    english = os.environ | {"LC_ALL": "C"}
    text = {"encoding": "utf-8", "errors": "surrogateescape"}
    done = _finished(words, input=given, env=english, **text)
    if done.returncode:
        raise refusal(arguments[0], done.stderr, root)
    return done.stdout


def changed(root: Path = Path()) -> list[str]:
    """Return the tracked files that are not as HEAD has them.

    Raises:
        ProjectError: git fails.
    """
    told = run(["status", "--porcelain", "--untracked-files=no"], root)
    return [line[3:] for line in told.splitlines()]


def _finished(words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
    with _installed():
        return subprocess.run(["git", *words], capture_output=True, check=False, **options)


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        # A working directory that is gone is reported alike.
        if error.filename != "git":
            raise
        raise ProjectError(
            "git is not installed, or not on the PATH", "install it: https://git-scm.com/downloads"
        ) from error


def refusal(verb: str, told: str, root: Path) -> ProjectError:
    """Return the error that says what git said, and the command that it recommends if it does.

    Args:
        verb: of git, that failed.
        told: what it wrote on its standard error.
        root: where it ran.
    """
    lines = [line.strip() for line in told.splitlines() if line.strip()] or ["no reason given"]
    if any("not a git repository" in line for line in lines):
        return _no_repository(root)
    # What Git warns of stands before the reason; advice on several lines stands behind it.
    said = next((line for line in lines if line.startswith(_REASONS)), lines[-1])
    advice = next((line for line in lines if line.startswith("git ")), "git status")
    verb_of = "see" if advice == "git status" else "type"
    return ProjectError(f"git {verb}: {_REASON.sub('', said)}", f"{verb_of} `{advice}`")


def _no_repository(root: Path) -> ProjectError:
    # An unpacked archive of a project has .dvc, which `dvc init` refuses.
    if (root / ".dvc").is_dir():
        return ProjectError(
            f"{root.resolve().name} is no Git repository, though DVC's settings are here",
            "`git init && git add -A && git commit -m first` makes it one; an unpacked archive has "
            "no history: `git clone` brings it",
        )
    return ProjectError(
        "there is no Git repository here",
        "go to the folder of a project, or make it one: `git init && dvc init`",
    )


def is_repository(root: Path = Path()) -> bool:
    """Say whether a folder is in a Git repository."""
    return not _finished(["-C", str(root), "rev-parse", "--git-dir"]).returncode


def find(revision: str, root: Path = Path()) -> str | None:
    """Return the full hash of the commit that a revision names; None if there is no such commit.

    Raises:
        ProjectError: there is no Git repository.
    """
    run(["rev-parse", "--git-dir"], root)
    words = ["-C", str(root), "rev-parse", "--verify", "--quiet", "--end-of-options"]
    done = _finished([*words, f"{revision}^{{commit}}"], encoding="utf-8")
    # Of a range Git prints both ends, and fails.
    return None if done.returncode else done.stdout.strip()


def unmerged(root: Path = Path()) -> list[str]:
    """Return the files in which a merge has a conflict that is not resolved yet, from the root."""
    if not is_repository(root):
        return []
    # Mode, hash and side, then the path.
    listed = run(["ls-files", "--unmerged", "-z"], root).split("\0")
    return sorted({line.partition("\t")[2] for line in listed if line})


def is_shallow(root: Path = Path()) -> bool:
    """Say whether the clone lacks history."""
    return run(["rev-parse", "--is-shallow-repository"], root).strip() == "true"


def content(commit: str, path: str, root: Path = Path()) -> bytes | None:
    """Return a file as a commit has it; None if the commit has no such file."""
    done = _finished(["-C", str(root), "cat-file", "blob", f"{commit}:./{path}"])
    return None if done.returncode else done.stdout


def hash_of(content: bytes, root: Path = Path()) -> str:
    """Return the hash that Git has for a blob."""
    words = ["-C", str(root), "hash-object", "--stdin"]
    return _finished(words, input=content).stdout.decode().strip()


def signed(commits: Sequence[str], root: Path = Path()) -> list[dict[str, str]]:
    """Return of each commit its hash, date, author and subject."""
    if not commits:
        return []
    told = run(["show", "--no-patch", f"--format={'%x00'.join(_SIGNED.values())}", *commits], root)
    return [
        dict(zip(_SIGNED, line.split("\0", 3), strict=True)) for line in told.split("\n") if line
    ]


@contextlib.contextmanager
def blobs(root: Path = Path()) -> Iterator[Callable[[str], bytes]]:
    """Yield a function that returns a blob by its hash; one process answers all calls.

    Raises:
        DamagedError: from the function: Git does not have the blob, or cannot read it.
    """
    command = ["git", "-C", str(root), "cat-file", "--batch"]
    pipe = subprocess.PIPE
    with _installed():
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    with child:
        asked, told = child.stdin, child.stdout
        assert asked is not None
        assert told is not None

        def read(blob: str) -> bytes:
            asked.write(f"{blob}\n".encode())
            asked.flush()
            return _content(told, blob)

        yield read


def contents(blobs: Iterable[str], root: Path = Path()) -> Iterator[tuple[str, bytes]]:
    """Yield blobs with what they hold, in order: asked for all at once, held one at a time.

    Raises:
        DamagedError: Git does not have one, or cannot read it.
    """
    asked = list(blobs)
    with tempfile.TemporaryFile() as given:
        given.writelines(f"{blob}\n".encode() for blob in asked)
        given.seek(0)
        command = ["git", "-C", str(root), "cat-file", "--batch", "--buffer"]
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        with _installed():
            child = subprocess.Popen(command, stdin=given, stdout=pipe, stderr=null)
        with child:
            assert child.stdout is not None
            for blob in asked:
                yield blob, _content(child.stdout, blob)


def _content(told: IO[bytes], blob: str) -> bytes:
    # <hash> blob <bytes>, the bytes, and a line feed; <hash> missing; or nothing.
    header = told.readline().split()
    size = int(header[2]) if len(header) == 3 else 0
    content = told.read(size + 1) if len(header) == 3 else b""
    if len(content) != size + 1:
        raise DamagedError(f"Git object {blob} cannot be read", "see `git fsck`")
    return content[:-1]
