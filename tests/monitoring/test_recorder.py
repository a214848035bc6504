"""The recorder loses records when it must, says so once, and keeps nobody waiting."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import NOW, bounds, over

from stemma.monitoring import recorder as module
from stemma.monitoring.feedback import Feedback, UnavailableError
from stemma.monitoring.reading import feedbacks, records
from stemma.monitoring.recorder import Recorder
from stemma.monitoring.store import FILE


class Lost:
    """Counts what is lost."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, number: int) -> None:
        self.number += number


@pytest.fixture
def lost() -> Lost:
    return Lost()


@pytest.fixture
def recorder(tmp_path: Path, lost: Lost, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.setattr(module, "_RETRY", 0.05)
    monkeypatch.setattr(module, "_MOST", 64)
    one = Recorder(tmp_path, bounds(), lost)
    yield one
    one.close()


def give(recorder: Recorder, name: str) -> None:
    recorder.take(Feedback(name, NOW, "up"), None).result(20)


def test_all_that_came_is_written_at_the_end(recorder: Recorder, tmp_path: Path, lost: Lost):
    for number in range(50):
        recorder.observe(over(number))
    recorder.close()
    assert len(list(records(tmp_path / FILE))) == 50 and not lost.number
    recorder.observe(over(99))
    assert lost.number == 1, "it has ended"


def test_feedback_comes_after_the_record_that_it_is_on(recorder: Recorder, tmp_path: Path):
    recorder.observe(over(1))
    give(recorder, "chatcmpl-1")
    assert [one.response_id for one in feedbacks(tmp_path / FILE)] == ["chatcmpl-1"]


def test_a_locked_file_loses_records_and_never_time(
    recorder: Recorder, tmp_path: Path, lost: Lost, caplog: pytest.LogCaptureFixture
):
    recorder.observe(over(0))
    give(recorder, "chatcmpl-0")
    lock = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with caplog.at_level(logging.WARNING):
        slowest = 0.0
        for number in range(1, 300):
            begun = time.perf_counter()
            recorder.observe(over(number))
            slowest = max(slowest, time.perf_counter() - begun)
        with pytest.raises(UnavailableError):
            give(recorder, "chatcmpl-0")
        while "cannot be written" not in caplog.text:
            time.sleep(0.05)
        lock.execute("ROLLBACK")
        recorder.observe(over(1000))
        while "recording again" not in caplog.text:
            time.sleep(0.05)
    recorder.close()
    assert slowest < 0.1, "SQLite waits for two seconds, and who answers does not"
    kept = len(list(records(tmp_path / FILE)))
    assert kept + lost.number == 301 and lost.number >= 200
    assert caplog.text.count("cannot be written: database is locked") == 1
    assert caplog.text.count("does not keep up") == 1


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, lost: Lost, caplog):
    (tmp_path / "runs").write_text("")
    with caplog.at_level(logging.ERROR):
        one = Recorder(tmp_path, bounds(), lost)
        one.observe(over(1))
        one.close()
    assert lost.number == 1 and "cannot be written" in caplog.text


def test_what_cannot_be_stored_loses_its_own_record_alone(
    recorder: Recorder, tmp_path: Path, lost: Lost, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.ERROR):
        for number, name in enumerate(("lm", "\ud800", "lm")):
            recorder.observe(over(number, version=name))
        recorder.close()
    assert [one.id for one in records(tmp_path / FILE)] == ["chatcmpl-0", "chatcmpl-2"]
    assert lost.number == 1 and "the record of chatcmpl-1 is lost" in caplog.text


def test_a_clock_that_is_set_back_is_told(
    recorder: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        for number, moment in enumerate((NOW, NOW - 3600, NOW - 3599)):
            recorder.observe(over(number, time=moment))
        recorder.close()
    assert caplog.text.count("the clock was set back by 3600 s") == 1
    found = list(records(tmp_path / FILE))
    assert [one.number for one in found] == [1, 2, 3]
    assert [one.time for one in found] == [NOW, NOW - 3600, NOW - 3599]


def test_a_torn_file_that_takes_its_place_while_it_is_written(
    recorder: Recorder, tmp_path: Path, lost: Lost, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / FILE
    recorder.observe(over(1))
    give(recorder, "chatcmpl-1")
    other = tmp_path / "torn"
    other.write_bytes(b"SQLite format 3\0" + b"torn" * 2000)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()
    other.replace(path)
    with caplog.at_level(logging.ERROR):
        recorder.observe(over(2))
        give(recorder, "chatcmpl-2")
    assert "a new one is begun" in caplog.text and not lost.number
    assert path.with_name("records.db.torn-1").exists()
    assert [one.id for one in records(path)] == ["chatcmpl-2"]
