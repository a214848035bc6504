"""Votes: kept by several processes at once, read back whatever a kill has left."""

import dataclasses
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from stemma.store.errors import DamagedError, ProjectError
from stemma.store.votes import DEFAULT, Kept, Side, Vote, keep, path_of, read

VOTE = Vote(
    "one", "2026-11-28T00:00:00+00:00", Side("lm@v1.1.0", "a" * 40, "5d" * 32),
    Side("lm@v1.2.0", None, None), "b", True, "ab" * 32, None,
)  # fmt: skip


def vote(identifier: str) -> Vote:
    return dataclasses.replace(VOTE, id=identifier)


def keep_many(path: Path, name: str) -> None:
    for number in range(50):
        keep(path, vote(f"{name}-{number}"))


def test_what_is_kept_is_read(tmp_path: Path):
    path = tmp_path / "runs/votes.jsonl"
    assert read(path) == Kept((), ())
    keep(path, VOTE)
    keep(path, vote("two"))
    assert read(path) == Kept((VOTE, vote("two")), ())
    assert path.read_bytes().count(b"\n") == 2


def test_processes_at_once_lose_nothing(tmp_path: Path):
    path = tmp_path / "votes.jsonl"
    names = ["a", "b", "c"]
    context = multiprocessing.get_context("fork")
    several = [context.Process(target=keep_many, args=(path, name)) for name in names]
    for one in several:
        one.start()
    for one in several:
        one.join()
    kept = read(path)
    assert kept.torn == ()
    wanted = {f"{name}-{number}" for name in names for number in range(50)}
    assert {one.id for one in kept.votes} == wanted and len(kept.votes) == 150


def test_a_torn_line_takes_no_other_with_it(tmp_path: Path):
    path = tmp_path / "votes.jsonl"
    keep(path, VOTE)
    with path.open("ab") as handle:
        handle.write(b'{"id": "torn", "ti')
    assert read(path) == Kept((VOTE,), (2,))
    keep(path, vote("after"))
    assert read(path) == Kept((VOTE, vote("after")), (2,))


def test_a_full_disk_leaves_no_half_a_vote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "votes.jsonl"
    keep(path, VOTE)
    before, write = path.read_bytes(), os.write

    def half(handle: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return write(handle, content[: len(content) - 10])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        keep(path, vote("two"))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "changed",
    [
        {"choice": "both"}, {"blind": 1}, {"a": None}, {"a": {"version": "x"}}, {"more": 1},
        {"voter": 3}, {"id": None}, {"b": {"version": 1, "commit": None, "digest": None}},
        {"b": {"version": "x", "commit": 1, "digest": None}},
    ],
)  # fmt: skip
def test_what_is_no_vote_is_told(tmp_path: Path, changed: dict):
    path = tmp_path / "votes.jsonl"
    path.write_text(json.dumps(dataclasses.asdict(VOTE) | changed) + "\n\n[1]\nnull\n\xff\n")
    keep(path, VOTE)
    assert read(path) == Kept((VOTE,), (1, 3, 4, 5))


def test_a_line_that_two_branches_brought_counts_once(tmp_path: Path):
    path = tmp_path / "votes.jsonl"
    for _ in range(2):
        keep(path, VOTE)
    assert read(path).votes == (VOTE,)


def test_an_unfinished_merge_and_a_pointer_are_refused(tmp_path: Path):
    path = tmp_path / "votes.jsonl"
    keep(path, VOTE)
    path.write_text(f"<<<<<<< HEAD\n{path.read_text()}=======\n>>>>>>> other\n")
    with pytest.raises(DamagedError, match=r"unfinished merge .*merge=union"):
        read(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ProjectError, match="Git LFS pointer"):
        read(path)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (None, DEFAULT),
        ("", DEFAULT),
        ("running: 4\n", DEFAULT),
        ("votes: reports/votes.jsonl\n", "reports/votes.jsonl"),
    ],
)
def test_where_a_project_keeps_them(tmp_path: Path, content: str | None, wanted: object):
    if content is not None:
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf/serving.yaml").write_text(content)
    assert path_of(tmp_path) == tmp_path / str(wanted)


@pytest.mark.parametrize("content", ["votes: 3", "votes:", "votes: [", "- votes", "\xff\x00"])
def test_settings_that_name_no_path(tmp_path: Path, content: str):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/serving.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(ProjectError, match=r"conf/serving.yaml"):
        path_of(tmp_path)
