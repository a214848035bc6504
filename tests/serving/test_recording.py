"""A real server that records: what is kept of requests, and what only by consent."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from project import environment
from recorded import CHAT, QUICK, SAID, ask, feedback, kept, laid_out
from served import SECONDS, Served, serving

from stemma.errors import SettingsError
from stemma.monitoring import reading
from stemma.monitoring.store import FILE
from stemma.serving.api.server import Server
from stemma.serving.fleet import Fleet
from stemma.serving.metrics import Metrics
from stemma.serving.recording import install
from stemma.serving.settings import read

TEXTS = ("--set", "monitoring.keep_text=true")
SECRET = "Remember my mail, ada.byron@example.org, will you?"


@pytest.fixture(scope="module")
def home(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server that keeps texts."""
    return laid_out(voices, tmp_path_factory.mktemp("recording"))


@pytest.fixture
def clean(voices: Path, tmp_path: Path) -> Path:
    """A folder in which nothing is recorded yet."""
    return laid_out(voices, tmp_path)


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Served]:
    """A server that keeps texts."""
    with serving(home, *QUICK, *TEXTS) as one:
        yield one


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
    body: dict[str, Any] = {"model": "alpha", "input": SECRET, "temperature": 0}
    body["metadata"] = {"consent": "true", "topic": "x"}
    response = server.post("/v1/responses", body).json()
    stored = server.post("/v1/responses", body | {"metadata": None, "store": True}).json()
    assert stored["store"] is True and response["metadata"]["topic"] == "x"
    feedback(server, chat, thumb="up")  # by which all before it is written
    found = {name: (prompts, answers) for name, prompts, answers in reading.texts(home / FILE)}
    masked = SECRET.replace("ada.byron@example.org", "<EMAIL>")
    assert [*found] == [chat, response["id"], stored["id"]]
    for prompts, answers in found.values():
        assert prompts == [[{"role": "user", "content": masked}]] and answers == [SAID]


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


def test_nothing_is_recorded_where_nobody_wants_it(clean: Path):
    with serving(clean, *QUICK, "--set", "monitoring.record=false") as one:
        assert feedback(one, ask(one), thumb="up").status_code == 404
    assert not (clean / "runs").exists()


def test_nothing_can_be_told_of_what_is_not_recorded(tmp_path: Path):
    given = read(tmp_path, {}, ["monitoring.record=false", "monitoring.otel=true"])
    server = Server(Fleet(), given, Metrics())
    with pytest.raises(SettingsError, match=r"monitoring\.record is false"):
        install(server, tmp_path)
