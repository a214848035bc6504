"""A real server whose recording fails: answers go on, and one line says what is lost."""

import ctypes
import resource
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from recorded import CHAT, QUICK, RESPONSE, ask, feedback, kept, laid_out, lost
from served import SECONDS, Served, serving

from stemma.monitoring.store import FILE


@pytest.fixture(scope="module")
def wrong(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server that has trouble."""
    return laid_out(voices, tmp_path_factory.mktemp("trouble"))


@pytest.fixture
def clean(voices: Path, tmp_path: Path) -> Path:
    """A folder in which nothing is recorded yet."""
    return laid_out(voices, tmp_path)


@pytest.fixture(scope="module")
def troubled(wrong: Path) -> Iterator[Served]:
    """A server that keeps no texts, begins with a torn file, and has recorded an answer."""
    (wrong / FILE).parent.mkdir(parents=True)
    (wrong / FILE).write_bytes(b"SQLite format 3\0" + b"torn" * 2000)
    with serving(wrong, *QUICK) as one:
        ask(one)
        kept(wrong, 1)
        yield one


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"store": True}, "store"), ({"metadata": {"consent": "true"}}, "metadata.consent")],
)
def test_consent_is_never_taken_in_silence(troubled: Served, fields: dict[str, Any], param: str):
    for path, body in (("/v1/chat/completions", CHAT), ("/v1/responses", RESPONSE)):
        answer = troubled.post(path, body | fields)
        assert answer.status_code == 400 and answer.json()["error"]["param"] == param
        assert "keeps no texts" in answer.json()["error"]["message"]
    ask(troubled, store=False, metadata={"consent": "false"})


@pytest.mark.parametrize("name", ["correction", "comment"])
def test_no_text_of_feedback_is_kept_where_none_is(troubled: Served, name: str):
    refused = feedback(troubled, ask(troubled), thumb="up", **{name: "No."})
    assert refused.status_code == 400 and refused.json()["error"]["param"] == name


def test_a_torn_file(troubled: Served, wrong: Path):
    troubled.said(r"recording: .*records.db is torn: .*; it is kept as .*records.db.torn-1, and a")
    assert feedback(troubled, ask(troubled), thumb="up").status_code == 200
    assert (wrong / FILE).with_name("records.db.torn-1").read_bytes().endswith(b"torn")


def test_a_full_disk(troubled: Served, wrong: Path):
    """Answers go on; one line says what is lost, and one when it is over."""
    before, lines, already = len(kept(wrong)), len(troubled.log), lost(troubled)
    pid = troubled.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    names = [ask(troubled) for _ in range(5)]
    troubled.said(r"recording: .*records.db cannot be written: .*; \d+ records are lost", lines)
    assert feedback(troubled, names[0], thumb="up").status_code == 503
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
    until = time.monotonic() + SECONDS
    while not any("recording again" in line for line in troubled.log[lines:]):
        names.append(ask(troubled))
        assert time.monotonic() < until
        time.sleep(0.2)
    count = int(troubled.said(r"recording again; (\d+) records were lost", lines)[1])
    assert lost(troubled) - already == count >= 5
    assert sum("cannot be written" in line for line in troubled.log[lines:]) == 1
    last = ask(troubled)
    assert feedback(troubled, last, thumb="up").status_code == 200
    assert len(kept(wrong)) == before + len(names) + 1 - count


def test_a_file_that_is_locked(troubled: Served, wrong: Path):
    lines, already = len(troubled.log), lost(troubled)
    lock = sqlite3.connect(wrong / FILE, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    for _ in range(5):
        ask(troubled)
    assert time.monotonic() - begun < 2, "SQLite waits so long, and no answer does"
    troubled.said(r"database is locked; \d+ records are lost", lines)
    lock.execute("ROLLBACK")
    assert lost(troubled) - already >= 1


def test_a_file_that_somebody_deletes(troubled: Served, wrong: Path):
    # By then all that waits is written.
    assert feedback(troubled, before := ask(troubled), thumb="up").status_code == 200
    shutil.rmtree((wrong / FILE).parent)
    name = ask(troubled)
    found = [one.id for one in kept(wrong, 1)]
    assert found == [name] and before not in found


@pytest.mark.parametrize("kind", ["folder", "read-only"])
def test_a_file_that_cannot_be_written(clean: Path, kind: str):
    if kind == "folder":
        (clean / FILE).mkdir(parents=True)
    else:
        (clean / FILE).parent.mkdir(parents=True)
        (clean / FILE).touch(0o400)
    with ThreadPoolExecutor(1, initializer=give_up_override) as thread:
        one = thread.submit(Served, clean, *QUICK).result().ready()
    try:
        ask(one)
        one.said(r"recording: .*records.db cannot be written: .*; [01] records are lost")
        ask(one)
    finally:
        code = one.end()
    assert code == 0
    one.said(r"recording: 2 records were lost")


def give_up_override() -> None:
    """Let what this thread starts obey the modes of files, also if it is root."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP CAP_DAC_OVERRIDE


def test_a_server_that_is_killed_while_it_records(clean: Path):
    """What was answered half a second before is there, once each, and the file is whole."""
    answered: list[tuple[float, str]] = []
    with serving(clean, *QUICK) as one:

        def client() -> None:
            with httpx.Client(timeout=SECONDS) as asker:
                while one.process.poll() is None:
                    try:
                        told = asker.post(f"{one.url}/v1/chat/completions", json=CHAT)
                    except httpx.TransportError:
                        return
                    answered.append((time.monotonic(), told.json()["id"]))

        clients = [threading.Thread(target=client) for _ in range(3)]
        for each in clients:
            each.start()
        while len(answered) < 60:
            time.sleep(0.05)
        killed = time.monotonic()
        one.process.send_signal(signal.SIGKILL)
        for each in clients:
            each.join()
    with serving(clean, *QUICK) as two:
        ask(two)
        kept_ids = [one.id for one in kept(clean, 1)]
        assert not any("torn" in line for line in two.log)
    assert len(kept_ids) == len(set(kept_ids))
    assert {name for at, name in answered if at < killed - 1} <= set(kept_ids)
    with sqlite3.connect(clean / FILE) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
