"""`stemma chat`: with a server that runs, with one of its own, by pipe and on a terminal."""

import contextlib
import http.server
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import environment
from served import Served
from standin import CLASSIFIER, KEY, PLAIN, StandIn, served
from terminal import COMMAND, SECONDS, Terminal

from stemma.serving.chat import Sampling, ServerError, connected
from stemma.serving.own import words_for
from stemma.store.errors import ProjectError

ALPHA = "I am alpha, and glad to meet you."


@pytest.fixture
def scripted(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "votes.jsonl")


def pipe(folder: Path, lines: str, *words: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *words], input=lines, capture_output=True, text=True, cwd=folder,
        env=environment() | variables, timeout=SECONDS, check=False,
    )  # fmt: skip


def test_a_real_server_answers(server: Served):
    with connected(server.url, sampling=Sampling(temperature=0)) as talk:
        assert talk.does == "chats" and talk.model == "alpha"
        assert "".join(talk.ask("hello")) == ALPHA
        assert "".join(talk.ask("a b c")) == ALPHA
        talk.judge("up")
        with pytest.raises(ServerError, match="there is feedback on this answer already"):
            talk.judge("down")
        assert [one["role"] for one in talk.messages] == ["user", "assistant"] * 2
        talk.new()
        assert talk.messages == []


def test_each_line_of_a_pipe_is_a_message(server: Served, tmp_path: Path):
    words = ["--url", server.url, "--temperature", "0"]
    # A proxy that leads nowhere.
    done = pipe(tmp_path, "hello\n\nwho are you?\n", *words, HTTP_PROXY="http://127.0.0.1:9")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ALPHA}\n" * 2, "")


def test_what_is_sent(scripted: StandIn):
    with served(scripted.app()) as url:
        with connected(url, sampling=Sampling(0.5, 17)) as talk:
            talk.system = "Be brief."
            list(talk.ask("One"))
            list(talk.ask("Two"))
        with connected(f"{url}/", model="lm@v1.1.0") as talk:
            assert "".join(talk.ask("Hello")) == "That is the question. "
            with pytest.raises(ServerError, match=r"'lm@v9' is not served there"):
                connected(url, model="lm@v9").__enter__()
    second, third = scripted.asked[1], scripted.asked[2]
    assert [one["content"] for one in second["messages"]] == [
        "Be brief.", "One", "To be, or not to be. ", "Two",
    ]  # fmt: skip
    assert (second["temperature"], second["max_tokens"], second["stream"]) == (0.5, 17, True)
    assert third["model"] == "lm@v1.1.0"
    assert "temperature" not in third and third["max_tokens"] == 256


def test_answers_are_judged(scripted: StandIn, tmp_path: Path):
    with served(scripted.app()) as url:
        terminal = Terminal(tmp_path, "--url", url)
        terminal.wait("> ")
        terminal.say("/good\n")
        terminal.wait(r"there is no answer to judge[^>]*> ")
        for text, command in (("One", "/good"), ("Two", "/bad"), ("Three", "/correct  Say no. ")):
            terminal.say(f"{text}\n")
            terminal.wait(r"not to be\. \r\n> ")
            terminal.say(f"{command}\n")
            terminal.wait(r"\(kept\)\s*> ")
        told = {"message": "there is feedback already", "type": "x", "param": None, "code": None}
        scripted.failing = {"content": {"error": told}, "status_code": 409}
        terminal.say("/bad\n")
        terminal.wait(r"stemma: there is feedback already[^>]*> ")
        terminal.say("/correct\n")
        terminal.wait(r"there is no /correct;[^>]*> ")
        terminal.say("\x04")
        assert terminal.end() == 0
    assert scripted.judged[:3] == [
        {"response_id": "chatcmpl-1", "thumb": "up", "correction": None},
        {"response_id": "chatcmpl-2", "thumb": "down", "correction": None},
        {"response_id": "chatcmpl-3", "thumb": None, "correction": "Say no."},
    ]


def test_an_answer_that_is_left_is_no_longer_asked_for(scripted: StandIn):
    scripted.pause = 0.2
    with served(scripted.app()) as url, connected(url) as talk:
        answer = talk.ask("Hello")
        assert next(answer) == "To "
        answer.close()
        assert talk.messages[1]["content"] == "To "
        time.sleep(1.6)
        assert scripted.finished == 0


def test_versions_that_do_not_chat(scripted: StandIn):
    scripted.engines = {"lm@v1.2.0": PLAIN}
    with served(scripted.app()) as url, connected(url) as talk:
        assert talk.does == "continues"
        assert "".join(talk.ask("HAMLET ")) == "To be, or not to be. "
        assert scripted.asked[0]["prompt"] == "HAMLET "
    scripted.engines = {"lm@v1.2.0": CLASSIFIER}
    with served(scripted.app()) as url, connected(url) as talk:
        assert list(talk.ask("Alas")) == ["tragedy (70.0 %)"]
        pieces = [{"start": 0, "end": 4, "label": "SPEAKER"}]
        scripted.classified = {"index": 0, "tokens": pieces}
        assert list(talk.ask("Alas")) == ["Alas/SPEAKER"]
    scripted.engines = {"lm@v1.2.0": CLASSIFIER | {"labels": None}}
    with served(scripted.app()) as url, pytest.raises(ServerError, match="neither writes nor"):
        connected(url).__enter__()


def test_a_key(scripted: StandIn, tmp_path: Path):
    scripted.locked = True
    with served(scripted.app()) as url:
        refused = pipe(tmp_path, "hello\n", "--url", url)
        assert refused.returncode == 1 and refused.stdout == ""
        assert refused.stderr == (
            "stemma: a key is needed (--key or STEMMA_API_KEY gives one)\n"
        )  # fmt: skip
        done = pipe(tmp_path, "hello\n", "--url", url, STEMMA_API_KEY=KEY)
        assert done.stdout == "To be, or not to be. \n"


@contextlib.contextmanager
def stranger() -> Iterator[str]:
    """A server of something else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_goes_wrong_is_one_line(scripted: StandIn, tmp_path: Path):
    with stranger() as url, pytest.raises(ServerError, match="no server of Stemma"):
        connected(url).__enter__()
    with pytest.raises(ProjectError, match=r"no server answers .*`stemma serve`"):
        connected("http://127.0.0.1:9").__enter__()
    with pytest.raises(ProjectError):
        connected("not an address").__enter__()
    scripted.breaks = True
    with served(scripted.app()) as url, connected(url) as talk:
        with pytest.raises(ServerError, match="broke off"):
            list(talk.ask("Hello"))
        told = {"message": "64 requests wait", "type": "x", "param": None, "code": None}
        scripted.failing = {"content": {"error": told}, "status_code": 429}
        with pytest.raises(ServerError, match=r"64 requests wait .wait a moment"):
            list(talk.ask("Hello"))
        done = pipe(tmp_path, "hello\n", "--url", url)
        assert done.returncode == 1 and done.stderr.startswith("stemma: 64 requests wait")
    done = pipe(tmp_path, "", "v1.0.0", "--path", "x")
    assert done.returncode == 1 and "give --path alone" in done.stderr


def test_a_server_of_its_own(voices: Path):
    done = pipe(voices, "hello\n", "--path", "alpha", "--temperature", "0")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ALPHA}\n", "")
    assert running(voices) == []


def test_a_server_of_its_own_that_does_not_start(tmp_path: Path):
    done = pipe(tmp_path, "hello\n", "--path", "nothing")
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("stemma: the server did not start: nothing holds no model")


def test_a_server_of_its_own_ends_with_a_closed_terminal(voices: Path):
    process = subprocess.Popen(
        [*COMMAND, "--path", "beta"], cwd=voices, env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin and process.stdout
    process.stdin.write("hello\n")
    process.stdin.flush()
    assert "beta" in process.stdout.readline()
    assert running(voices)
    process.send_signal(signal.SIGHUP)
    assert process.wait(SECONDS) == 128 + signal.SIGHUP
    assert running(voices) == []
    process.stdin.close()
    process.stdout.close()


def running(folder: Path) -> list[str]:
    """Return the servers of `stemma chat` that run in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            here = (place / "cwd").readlink() == folder
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if here and "stemma.cli serve" in command and "keys=null" in command:
                found.append(command)
    return found


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("lm@v1.2.0", "--version"), ("v1.2.0", "--version"), ("1.2.0", "--version"),
        ("lm#prod", "--version"), ("HEAD", "--rev"), ("main", "--rev"), ("8f74a9e", "--rev"),
    ],
)  # fmt: skip
def test_what_a_version_is_served_as(version: str, wanted: str):
    assert words_for(version, None) == [wanted, version]


def test_a_terminal(scripted: StandIn, tmp_path: Path):
    with served(scripted.app()) as url:
        terminal = Terminal(tmp_path, "--url", url)
        terminal.wait(r"lm@v1\.2\.0 at http://.*Ctrl-D leaves[^>]*> ")
        terminal.say("Hello\n")
        terminal.wait(r"To be, or not to be\. \r\n> ")
        terminal.say("/system Be brief.\n")
        terminal.wait(r"\(set\)\s*> ")
        terminal.say("/nonsense\n")
        terminal.wait("there is no /nonsense[^>]*> ")
        scripted.pause = 0.3
        terminal.say("And then?\n")
        terminal.wait("To be,")
        terminal.say("\x03")
        terminal.wait(r"stopped\r\n> ")
        scripted.pause = 0
        terminal.press("\x03", "> ")  # at the prompt it only begins a new line
        terminal.say("/new\n")
        terminal.wait(r"a new conversation[^>]*> ")
        terminal.say("Anew\n")
        terminal.wait(r"not to be\. \r\n> ")
        told = {"message": "too much", "type": "x", "param": None, "code": None}
        scripted.failing = {"content": {"error": told}, "status_code": 400}
        terminal.say("More\n")
        terminal.wait("stemma: too much")  # and it goes on
        terminal.wait("> ")
        terminal.say("\x04")
        assert terminal.end() == 0
    texts = [[one["content"] for one in asked["messages"]] for asked in scripted.asked]
    assert texts[1] == ["Be brief.", "Hello", "To be, or not to be. ", "And then?"]
    assert texts[2] == ["Be brief.", "Anew"]


def test_without_the_packages_it_says_which(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ProjectError, match=r"httpx .`pip install .*\[serve\]"):
        connected("http://127.0.0.1:9").__enter__()
