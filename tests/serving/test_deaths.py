"""What dies comes back, and nothing wrong is answered meanwhile."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import talking
from served import SECONDS, Served, serving

LONG: dict[str, Any] = {"model": "alpha", "prompt": "x", "max_tokens": 280, "temperature": 2}
WORDS = ("--path", "alpha", "--set", "smoke=[hello]", "--set", "drain_seconds=30")


@pytest.fixture
def server(voices: Path) -> Iterator[Served]:
    """A server of alpha that a test may kill."""
    with serving(voices, *WORDS) as one:
        yield one


def test_an_engine_that_is_killed(server: Served):
    """The requests that run get an error, those that come 503, until it is there again."""
    (engine,) = server.engines()
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=SECONDS) as client:
            while not stop.is_set():
                answer = client.post(
                    f"{server.url}/v1/chat/completions",
                    json={"model": "alpha", "temperature": 0,
                          "messages": [{"role": "user", "content": "hello"}]},
                )  # fmt: skip
                text = (
                    answer.json()["choices"][0]["message"]["content"]
                    if answer.status_code == 200
                    else answer.json()["error"]["message"]
                )
                seen.append((answer.status_code, text))

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for one in clients:
        one.start()
    time.sleep(0.3)
    os.kill(engine, signal.SIGKILL)
    server.said("its engine has ended; it is started again")
    assert server.get("/health/ready").status_code == 503
    assert server.get("/health/live").status_code == 200
    refused = server.post("/v1/completions", LONG)
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
    server.said("ready again")
    stop.wait(0.3)
    stop.set()
    for one in clients:
        one.join()
    assert {status for status, _ in seen} == {200, 503}
    assert {text for status, text in seen if status == 200} == {talking.answer("alpha")}
    assert server.engines() != [engine]
    assert (
        'engine_restarts_total{model_name="alpha",version="alpha"} 1.0'
        in server.get("/metrics").text
    )


def test_an_engine_that_is_killed_in_a_stream(server: Served):
    """The stream ends with an error, and not as if it were whole."""
    (engine,) = server.engines()
    with server.client.stream(
        "POST", f"{server.url}/v1/completions", json=LONG | {"stream": True, "n": 8}
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        os.kill(engine, signal.SIGKILL)
        rest = "\n".join(lines)
    assert '"code": "engine_away"' in rest and "[DONE]" not in rest


def test_a_server_that_is_told_to_end_finishes_what_it_has_begun(server: Served):
    body = LONG | {"stream": True, "n": 8}
    with server.client.stream("POST", f"{server.url}/v1/completions", json=body) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/health/live")
        rest = "\n".join(lines)
    assert rest.rstrip().endswith("data: [DONE]")
    assert rest.count('"finish_reason": "length"') + rest.count('"finish_reason": "stop"') == 8
    assert server.process.wait(SECONDS) == 0
    assert not server.engines()


def test_no_engine_outlives_a_server_that_is_killed(server: Served):
    (engine,) = server.engines()
    server.process.kill()
    until = time.monotonic() + SECONDS
    while Path(f"/proc/{engine}").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
