"""The file of records: bounded, put aside when torn, and in order whatever the clock does."""

import sqlite3
from pathlib import Path

import pytest
from recorded import NOW, bounds, over

from stemma.monitoring import reading
from stemma.monitoring.feedback import (
    AnothersAnswerError,
    Feedback,
    FeedbackError,
    SecondFeedbackError,
    UnknownAnswerError,
)
from stemma.monitoring.records import Finished
from stemma.monitoring.store import Store, TornError, put_aside
from stemma.store.errors import ProjectError

DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs/records.db"


def filled(path: Path, *given: Finished, **settings: object) -> Store:
    store = Store(path, bounds(**settings))
    with store.transaction():
        for one in given:
            store.add(one)
    return store


def ids(path: Path, **how: object) -> list[str]:
    return [one.id.removeprefix("chatcmpl-") for one in reading.records(path, **how)]


def test_what_is_written_is_read(path: Path):
    store = filled(path, over(1), over(2, version="lm@v2.0.0", time=NOW + 60), over(1))
    assert ids(path) == ["1", "2"], "an id is recorded once"
    (found,) = reading.records(path, since=NOW, until=NOW + 60)
    assert (found.number, found.finishes, found.commit) == (1, ("stop",), "c" * 40)
    assert found.prompt is not None and found.prompt.words == 4
    assert ids(path, version="lm@v2.0.0") == ["2"]
    assert path.stat().st_mode & 0o077 == 0, "nobody else reads it"
    store.close()
    for place in path.parent.iterdir():
        assert b"Horatio" not in place.read_bytes() and b"user ada" not in place.read_bytes()


def test_no_store(path: Path):
    with pytest.raises(ProjectError, match=r"there is no .*`stemma serve` writes it"):
        list(reading.records(path))


def test_the_oldest_go_when_it_is_too_large(path: Path):
    store = Store(path, bounds(most_megabytes=1))
    for batch in range(40):
        with store.transaction():
            for number in range(200):
                store.add(over(200 * batch + number))
        store.shrink()
        size = sum(one.stat().st_size for one in path.parent.iterdir() if "shm" not in one.name)
        assert size <= 1.25 * 2**20
    kept = [int(one) for one in ids(path)]
    assert kept == [*range(kept[0], 8000)] and len(kept) > 200
    assert [one.number for one in reading.records(path)][-1] == 8000


def test_the_old_go_and_texts_before_them(path: Path):
    old = NOW - 40 * DAY
    given = [over(0, time=NOW - 91 * DAY), over(1, time=old, consent=True), over(2, consent=True)]
    store = filled(path, *given, keep_text=True)
    with store.transaction():
        store.take(Feedback("chatcmpl-1", old, "up", None, "Better so.", "Well."), None)
        store.expire(NOW)
    assert ids(path) == ["1", "2"]
    assert [one for one, _, _ in reading.texts(path)] == ["chatcmpl-2"]
    assert list(reading.feedbacks(path)) == [Feedback("chatcmpl-1", old, "up")]
    store.close()
    assert b"Better so" not in path.read_bytes(), "it is overwritten"


def test_a_clock_that_is_set_back(path: Path):
    """Records keep their order; none goes early, and no text stays longer than it may."""
    store = filled(
        path, over(1, time=NOW), over(2, time=NOW - 400 * DAY), over(3, time=NOW + 1),
        over(4, time=NOW + 900 * DAY, consent=True), keep_text=True,
    )  # fmt: skip
    with store.transaction():
        store.expire(NOW + 2)
    assert [(one.number, one.id[-1]) for one in reading.records(path)] == [
        (1, "1"), (2, "2"), (3, "3"), (4, "4"),
    ]  # fmt: skip
    assert len(list(reading.texts(path))) == 1
    with store.transaction():
        store.expire(NOW + 31 * DAY)
    assert not list(reading.texts(path)), "its days began when the clock was right again"


def test_texts_need_consent_and_are_masked(path: Path):
    said = {"texts": ("Write to ada@example.org, or connect to 81.2.69.142.",),
            "prompts": ["My mail is bob@example.org"]}  # fmt: skip
    long = {"prompts": ["x" * 200_000], "consent": True}
    filled(path, over(1, **said), over(2, consent=True, **said), over(3, **long),
           over(4, prompts=[[1, 2]], consent=True), keep_text=True).close()  # fmt: skip
    assert list(reading.texts(path)) == [
        ("chatcmpl-2", ["My mail is <EMAIL>"], ["Write to <EMAIL>, or connect to <IP>."])
    ]
    filled(path, over(5, consent=True)).close()
    assert len(list(reading.texts(path))) == 1, "keep_text is off"


def test_feedback(path: Path):
    store = filled(path, over(1, key="ada"), over(2))

    def refused(name: str, key: str | None) -> type[FeedbackError]:
        with store.transaction(), pytest.raises(FeedbackError) as caught:
            store.take(Feedback(name, NOW, "down"), key)
        return caught.type

    assert refused("chatcmpl-9", None) is UnknownAnswerError
    assert refused("chatcmpl-1", "bob") is AnothersAnswerError
    assert refused("chatcmpl-1", None) is AnothersAnswerError
    with store.transaction():
        store.take(Feedback("chatcmpl-1", NOW, None, "rude", "Mail ada@example.org", None), "ada")
    assert refused("chatcmpl-1", "ada") is SecondFeedbackError
    (kept,) = reading.feedbacks(path)
    assert (kept.label, kept.correction) == ("rude", "Mail <EMAIL>")


@pytest.mark.parametrize("keep", [0, 0.4])
def test_a_torn_file_is_put_aside(path: Path, keep: float):
    filled(path, *(over(number) for number in range(300))).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))] or b"this is no database" * 100)
    with pytest.raises(TornError, match=r"records\.db is torn"):
        Store(path, bounds())
    assert put_aside(path).name == "records.db.torn-1"
    filled(path, over(1)).close()
    assert ids(path) == ["1"]
    assert put_aside(path).name == "records.db.torn-2"


def test_a_transaction_that_fails_leaves_nothing(path: Path):
    store = filled(path, over(1))
    with pytest.raises(sqlite3.Error), store.transaction():
        store.add(over(2))
        raise sqlite3.OperationalError("database or disk is full")
    assert ids(path) == ["1"]
