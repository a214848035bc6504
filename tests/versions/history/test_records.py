"""What one version was made of that another was not."""

import hashlib
import itertools

from stemma.store.lock import Lock, LockEntry, Stage
from stemma.versions.history.records import Record, changes


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
