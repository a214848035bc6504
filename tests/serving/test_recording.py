"""A real server that records: what is kept, and that no failure of it reaches an answer."""

import ctypes
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import talking
from project import environment
from served import SECONDS, Served, serving

from stemma.errors import SettingsError
from stemma.monitoring import reading
from stemma.monitoring.records import Record
from stemma.monitoring.store import FILE
from stemma.serving.api.server import Server
from stemma.serving.fleet import Fleet
from stemma.serving.metrics import Metrics
from stemma.serving.recording import install
from stemma.serving.settings import read

QUICK = ("--path", "alpha", "--set", "smoke=[hello]")
TEXTS = ("--set", "monitoring.keep_text=true")
SAID = talking.answer("alpha")
CHAT = {"model": "alpha", "messages": [{"role": "user", "content": "hello"}]}
RESPONSE = {"model": "alpha", "input": "hello"}
SECRET = "Remember my mail, ada.byron@example.org, will you?"


@pytest.fixture(scope="module")
def home(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server that keeps texts."""
    return laid_out(voices, tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="module")
def wrong(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server that has trouble."""
    return laid_out(voices, tmp_path_factory.mktemp("trouble"))


@pytest.fixture
def clean(voices: Path, tmp_path: Path) -> Path:
    """A folder in which nothing is recorded yet."""
    return laid_out(voices, tmp_path)


def laid_out(voices: Path, folder: Path) -> Path:
    shutil.copytree(voices / "alpha", folder / "alpha")
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Served]:
    """A server that keeps texts."""
    with serving(home, *QUICK, *TEXTS) as one:
        yield one


@pytest.fixture(scope="module")
def troubled(wrong: Path) -> Iterator[Served]:
    """A server that keeps no texts, begins with a torn file, and has recorded an answer."""
    (wrong / FILE).parent.mkdir(parents=True)
    (wrong / FILE).write_bytes(b"SQLite format 3\0" + b"torn" * 2000)
    with serving(wrong, *QUICK) as one:
        ask(one)
        kept(wrong, 1)
        yield one


def kept(folder: Path, least: int = 0) -> list[Record]:
    """Return the records, once there are so many."""
    until = time.monotonic() + SECONDS
    while True:
        found = list(reading.records(folder / FILE)) if (folder / FILE).exists() else []
        if len(found) >= least:
            return found
        assert time.monotonic() < until, f"there are {len(found)}"
        time.sleep(0.05)


def ask(server: Served, text: str = "hello", **fields: Any) -> str:
    """Return the id of an answer, which must be the right one."""
    told = server.chat(text, model="alpha", **fields)
    assert told["choices"][0]["message"]["content"] == SAID, told
    return told["id"]


def lost(server: Served) -> float:
    found = re.search(r"^stemma:records_lost_total (\S+)", server.get("/metrics").text, re.M)
    assert found
    return float(found[1])


def feedback(server: Served, name: str, **said: Any) -> httpx.Response:
    return server.post("/v1/feedback", {"response_id": name, **said})


def test_each_request_has_a_record(server: Served, home: Path):
    before = len(kept(home))
    whole = ask(server, SECRET, seed=11)
    with server.client.stream(
        "POST", f"{server.url}/v1/completions",
        json={"model": "alpha", "prompt": "x", "max_tokens": 5, "stream": True, "n": 2},
    ) as answer:  # fmt: skip
        (streamed,) = set(re.findall(r'"id": "(cmpl-\w+)"', answer.read().decode()))
    body = {"model": "alpha", "input": "hello", "user": "lovelace"}
    response = server.post("/v1/responses", body).json()["id"]
    refused = server.post("/v1/completions", {"model": "alpha", "prompt": "x " * 900})
    assert refused.status_code == 400
    first, second, third, fourth = kept(home, before + 4)[before:]
    assert [first.id, second.id, third.id] == [whole, streamed, response]
    assert (first.version, first.role, first.endpoint) == (
        "alpha", "current", "/v1/chat/completions",
    )  # fmt: skip
    assert (first.finishes, first.seed, first.temperature) == (("stop",), 11, 0)
    assert first.prompt and first.prompt.characters == len(SECRET) and first.prompt.words == 6
    assert first.answer and first.answer.characters == len(SAID) and first.answer.language == "en"
    assert first.queued is not None and first.first is not None
    assert 0 <= first.queued <= first.first <= first.seconds < SECONDS
    assert second.answers == 2 and 0 <= second.truncated <= 2 and second.completion_tokens <= 10
    assert third.who != first.who, "a user of another name is another one"
    assert fourth.failure == "refused" and fourth.answer is None
    for place in (home / FILE).parent.iterdir():
        assert b"Remember" not in place.read_bytes() and b"lovelace" not in place.read_bytes()


def test_texts_are_kept_by_consent(server: Served, home: Path):
    ask(server, SECRET)
    chat = ask(server, SECRET, store=True)
    body = {"model": "alpha", "input": SECRET, "metadata": {"consent": "true", "topic": "x"}}
    response = server.post("/v1/responses", body).json()
    stored = server.post("/v1/responses", body | {"metadata": None, "store": True}).json()
    assert stored["store"] is True and response["metadata"]["topic"] == "x"
    feedback(server, chat, thumb="up")  # by which all before it is written
    found = {name: (prompts, answers) for name, prompts, answers in reading.texts(home / FILE)}
    masked = SECRET.replace("ada.byron@example.org", "<EMAIL>")
    assert [*found] == [chat, response["id"], stored["id"]]
    for prompts, answers in found.values():
        assert prompts == [[{"role": "user", "content": masked}]] and answers == [SAID]


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


def test_consent_that_contradicts_itself(server: Served):
    told = server.post(
        "/v1/chat/completions", CHAT | {"store": False, "metadata": {"consent": "true"}}
    )
    assert told.status_code == 400
    assert "contradict one another" in told.json()["error"]["message"]


def test_feedback(server: Served, home: Path):
    name = ask(server)
    told = feedback(server, name, thumb="down", label="wrong", correction="Ask ada@example.org")
    assert told.json() == {"object": "feedback", "response_id": name}
    again = feedback(server, name, thumb="up")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "feedback_exists")
    unknown = feedback(server, "chatcmpl-0", thumb="up")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "answer_not_found")
    for said in ({}, {"thumb": "sideways"}, {"thumb": "up", "stars": 5}, {"label": "x" * 65}):
        assert feedback(server, ask(server), **said).status_code == 400
    found = {one.response_id: one for one in reading.feedbacks(home / FILE)}[name]
    assert (found.thumb, found.label, found.correction) == ("down", "wrong", "Ask <EMAIL>")


def test_feedback_by_another_key(clean: Path):
    def key(name: str) -> dict[str, str]:
        words = [sys.executable, "-P", "-m", "stemma.cli", "key", name, "--file", "keys.yaml"]
        done = subprocess.run(words, cwd=clean, env=environment(), capture_output=True, text=True)
        return {"Authorization": f"Bearer {done.stdout.split()[-1]}"}

    ada, bob = key("lovelace"), key("byron")
    with serving(clean, *QUICK, "--keys", "keys.yaml") as one:
        name = one.post("/v1/chat/completions", CHAT, headers=ada).json()["id"]
        given = {"response_id": name, "thumb": "up"}
        refused = one.post("/v1/feedback", given, headers=bob)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_yours")
        assert one.post("/v1/feedback", given, headers=ada).status_code == 200
    (found,) = kept(clean)
    assert found.key and "lovelace" not in found.key


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
    shutil.rmtree((wrong / FILE).parent)
    name = ask(troubled)
    assert [one.id for one in kept(wrong, 1)] == [name]


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


def test_nothing_is_recorded_where_nobody_wants_it(clean: Path):
    with serving(clean, *QUICK, "--set", "monitoring.record=false") as one:
        assert feedback(one, ask(one), thumb="up").status_code == 404
    assert not (clean / "runs").exists()


def test_nothing_can_be_told_of_what_is_not_recorded(tmp_path: Path):
    given = read(tmp_path, {}, ["monitoring.record=false", "monitoring.otel=true"])
    server = Server(Fleet(), given, Metrics())
    with pytest.raises(SettingsError, match=r"monitoring\.record is false"):
        install(server, tmp_path)
