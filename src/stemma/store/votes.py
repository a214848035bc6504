"""What people prefer: votes between the answers of two versions, one line of JSON each.

A vote holds no text: of the prompt it has the SHA-256 alone. Lines are only ever appended, so that
a file in Git merges by `merge=union`.
"""

import dataclasses
import fcntl
import json
import os
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from stemma import lfs, merging
from stemma.layout import CONF, RUNS
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.lock import load

DEFAULT = RUNS / "votes.jsonl"
_SETTINGS = CONF / "serving.yaml"
Choice = Literal["a", "b", "equal"]


@dataclasses.dataclass(frozen=True)
class Side:
    """A version that answered.

    Attributes:
        version: its name, such as ``lm@v1.2.0``.
        commit: the hash of its commit; None of a folder that belongs to none.
        digest: SHA-256 of its files, as the registry has it; None if it is not known.
    """

    version: str
    commit: str | None
    digest: str | None


@dataclasses.dataclass(frozen=True)
class Vote:
    """Which of two answers to one prompt somebody thought better.

    Attributes:
        id: no other vote has it.
        time: in UTC, as ISO 8601 writes it.
        a: whose answer stood on the left.
        b: whose answer stood on the right.
        choice: whose answer was the better one.
        blind: whether the names were hidden and the sides drawn by chance.
        prompt_sha256: of what both answered, in UTF-8.
        voter: stands for the key that was used; None where none was.
    """

    id: str
    time: str
    a: Side
    b: Side
    choice: Choice
    blind: bool
    prompt_sha256: str
    voter: str | None


@dataclasses.dataclass(frozen=True)
class Kept:
    """What a file of votes holds.

    Attributes:
        votes: in the order in which they were kept, each once.
        torn: numbers of the lines that are no vote, as a kill may leave them.
    """

    votes: tuple[Vote, ...]
    torn: tuple[int, ...]


def path_of(root: Path = Path()) -> Path:
    """Return where a project keeps votes: the key ``votes`` of conf/serving.yaml, or DEFAULT.

    Raises:
        ProjectError: the file cannot be read, or the key is no path.
    """
    file = root / _SETTINGS
    if not file.is_file():
        return root / DEFAULT
    raw = file.read_bytes()
    merging.check(raw, str(_SETTINGS), ProjectError)
    try:
        # Bytes that are no UTF-8 are a ValueError.
        found = load(raw.decode())
        named = found.get("votes", str(DEFAULT)) if isinstance(found, dict) else None
    except (yaml.YAMLError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ProjectError(f"{_SETTINGS} cannot be read: {said}", "is it YAML?") from error
    if not isinstance(named, str) or not named:
        raise ProjectError(f"{_SETTINGS}: votes is no path", f"such as {DEFAULT}")
    return root / named


def keep(path: Path, vote: Vote) -> None:
    """Append a vote; other processes may append to the same file.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    line = json.dumps(dataclasses.asdict(vote), ensure_ascii=False).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # until it is closed
        _append(handle, line)
    finally:
        os.close(handle)


def read(path: Path) -> Kept:
    """Return the votes in a file; none if there is no such file.

    Raises:
        DamagedError: it has the marks of an unfinished merge.
        ProjectError: Git LFS keeps it.
    """
    if not path.is_file():
        return Kept((), ())
    raw = path.read_bytes()
    lfs.refuse(raw, str(path), ProjectError)
    if merging.has_marks(raw):
        raise DamagedError(
            f"{path} has the marks of an unfinished merge",
            "keep the lines of both sides; `merge=union` in .gitattributes does so",
        )
    votes: dict[str, Vote] = {}
    torn = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if line.strip():
            vote = _vote(line)
            if vote is None:
                torn.append(number)
            else:
                votes.setdefault(vote.id, vote)
    return Kept(tuple(votes.values()), tuple(torn))


def _append(handle: int, line: bytes) -> None:
    end = os.fstat(handle).st_size
    # A line that a kill has torn must not take this one with it.
    whole = end == 0 or os.pread(handle, 1, end - 1) == b"\n"
    left = line if whole else b"\n" + line
    try:
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, end)
        raise


def _vote(line: bytes) -> Vote | None:
    try:
        found = json.loads(line)
        vote = Vote(**found | {side: Side(**found[side]) for side in "ab"})
    except (ValueError, TypeError, LookupError):
        return None
    return vote if _is_sound(vote) else None


def _is_sound(vote: Vote) -> bool:
    sides: list[Any] = [vote.a, vote.b]
    return (
        vote.choice in get_args(Choice)
        and isinstance(vote.blind, bool)
        and all(isinstance(text, str) for text in (vote.id, vote.time, vote.prompt_sha256))
        and all(isinstance(side.version, str) for side in sides)
        and all(
            isinstance(text, str | None)
            for text in (vote.voter, *(one for side in sides for one in (side.commit, side.digest)))
        )
    )
