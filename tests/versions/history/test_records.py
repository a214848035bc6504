"""The versions of a repository, and what one was made of that another was not."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import history as repository
import pytest

from stemma.store import git
from stemma.store.lock import Lock, LockEntry, Stage
from stemma.versions.history.changes import changes
from stemma.versions.history.records import History, Record, records


def record(**deps: str) -> Record:
    entries = [LockEntry(path.replace("_", "/"), md5, 1) for path, md5 in deps.items()]
    lock = Lock((Stage("made", "make", tuple(entries), (), {}),))
    return Record("c" * 40, ("*",), (), "A", "2026-01-01", "one", "k", lock, {}, {}, None)


def test_an_empty_file_that_came_along_is_no_data() -> None:
    empty, blank = (hashlib.md5(content).hexdigest() for content in (b"", b"\n"))
    told = [record(), record(data_revoked=empty), record(data_revoked=blank)]
    assert all(changes(*pair) == {} for pair in itertools.permutations(told, 2))
    assert changes(record(data_revoked=empty), record(data_revoked="a")) == {
        "data": ["data/revoked"]
    }
    assert changes(record(), record(data_revoked="a", src_x="b")) == {
        "data": ["data/revoked"],
        "code": ["src/x"],
    }


def test_what_scopes_share_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = repository.History(tmp_path / "project")
    commits = [made.commit({"models/trained": {"a": bytes([seed])}}) for seed in range(4)]
    asked: list[str] = []
    contents = git.contents

    def spied(blobs: Iterable[str], root: Path) -> Iterator[tuple[str, bytes]]:
        listed = list(blobs)
        asked.extend(listed)
        return contents(listed, root)

    monkeypatch.setattr(git, "contents", spied)
    history = History(made.root)
    scopes = {"HEAD~1..": commits[3:], "HEAD": commits, "--all": commits}
    found = {scope: history.records([scope]) for scope in scopes}
    assert len(asked) == len(set(asked)) == 5, "four files dvc.lock, and one params.yaml"
    for scope, expected in scopes.items():
        assert [one.commit for one in found[scope]] == expected[::-1]
        assert found[scope] == records([scope], made.root)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    made = repository.History(tmp_path / "project")
    (made.root / "reports").mkdir()
    for name, content in (("metrics.json", '{"loss": 1'), ("measured.json", "[1]")):
        (made.root / "reports" / name).write_text(content)
    made.commit({"models/trained": {"a": b"1"}})
    (made.root / "reports/metrics.json").write_text('{"loss": 1}')
    made.commit({"models/trained": {"a": b"2"}})
    newest, oldest = records(["HEAD"], made.root)
    assert oldest.torn == ("reports/metrics.json", "reports/measured.json")
    assert (oldest.metrics, oldest.weights, oldest.metrics_match) == ({}, "", None)
    assert newest.torn == ("reports/measured.json",) and newest.metrics == {"loss": 1}
