"""What is asked wrongly gets the right status and one clear message."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import talking
from served import Served, serving

CHAT: dict[str, Any] = {"model": "alpha", "messages": [{"role": "user", "content": "hello"}]}
TEXT: dict[str, Any] = {"model": "alpha", "prompt": "The"}
SMALL = ("body_bytes=20000", "body_seconds=2", "running=2", "waiting=2", "answers=3",
         "completion_tokens=300", "seconds=30", "smoke=[hello]")  # fmt: skip


@pytest.fixture(scope="module")
def server(voices: Path) -> Iterator[Served]:
    """A server of alpha with narrow limits."""
    words = [word for one in SMALL for word in ("--set", one)]
    with serving(voices, "--path", "alpha", *words) as one:
        yield one


def told(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and "\n" not in error["message"]
    return error


@pytest.mark.parametrize(
    ("path", "body", "param", "said"),
    [
        ("/v1/chat/completions", {}, "model", "is missing"),
        ("/v1/chat/completions", {"model": "alpha"}, "messages", "is missing"),
        ("/v1/chat/completions", CHAT | {"messages": []}, "messages", "at least 1"),
        ("/v1/chat/completions", CHAT | {"messages": "hello"}, "messages", "valid list"),
        ("/v1/chat/completions", CHAT | {"temperature": "hot"}, "temperature", "valid number"),
        ("/v1/chat/completions", CHAT | {"temperature": 2.5}, "temperature", "less than or equal"),
        ("/v1/chat/completions", CHAT | {"top_p": 0}, "top_p", "greater than 0"),
        ("/v1/chat/completions", CHAT | {"n": 0}, "n", "greater than or equal to 1"),
        ("/v1/chat/completions", CHAT | {"n": 4}, "n", "at most 3 answers"),
        ("/v1/chat/completions", CHAT | {"max_tokens": 301}, "max_tokens", "at most 300 tokens"),
        ("/v1/chat/completions", CHAT | {"tools": [{}]}, "tools", "not supported"),
        ("/v1/chat/completions", CHAT | {"frequency_penalty": 1}, "frequency_penalty", "not supp"),
        ("/v1/chat/completions", CHAT | {"anything": None}, "anything", "not supported"),
        ("/v1/chat/completions", CHAT | {"stop": ["a"] * 5}, None, "at most 4"),
        ("/v1/completions", TEXT | {"echo": True}, "echo", "not supported"),
        ("/v1/completions", TEXT | {"prompt": [5, 10**6]}, "prompt", "tokens must be 0 to"),
        ("/v1/completions", TEXT | {"prompt": ["a"] * 4}, "n", "at most 3 answers"),
        ("/v1/completions", TEXT | {"stream_options": {}}, None, "is for stream: true"),
        ("/v1/responses", {"model": "alpha", "input": "a", "previous_response_id": "resp_1"},
         "previous_response_id", "not supported"),
        ("/v1/embeddings", {"model": "alpha", "input": ""}, None, "at least 1"),
        ("/v1/embeddings", {"model": "alpha", "input": "a", "dimensions": 3}, "dimensions", "not"),
        ("/classify", {"model": "alpha", "input": "a"}, None, "no classifier"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong(server: Served, path: str, body: Any, param: str | None, said: str):
    error = told(server.post(path, body), 400)
    assert said in error["message"] and error["type"] == "invalid_request_error"
    if param is not None:
        assert error["param"] == param


def test_what_changes_nothing_is_no_error(server: Served):
    nothing = {"frequency_penalty": 0, "tools": [], "logit_bias": None, "store": False}
    assert server.post("/v1/chat/completions", CHAT | nothing).status_code == 200


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"type": "string", "pattern": "(("},
        # More than llguidance can follow, which shows at the first token.
        {"type": "object", "properties": {f"p{number}": {} for number in range(1000)}},
    ],
    ids=["no type", "no pattern", "too many properties"],
)
def test_a_schema_that_cannot_be_followed(server: Served, schema: Any):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    error = told(server.post("/v1/chat/completions", CHAT | {"response_format": form}), 400)
    assert "schema cannot be followed" in error["message"]
    assert server.post("/v1/chat/completions", CHAT).status_code == 200


def test_a_prompt_that_is_too_long(server: Served):
    long = "hello " * talking.CONTEXT
    error = told(server.post("/v1/completions", TEXT | {"prompt": long}), 400)
    assert error["code"] == "context_length_exceeded"
    assert f"the model sees {talking.CONTEXT}" in error["message"]
    fits = "hello " * (talking.CONTEXT // 8)
    answer = server.post("/v1/completions", TEXT | {"prompt": fits, "max_tokens": 300})
    assert "and 300 more" in told(answer, 400)["message"]


@pytest.mark.parametrize(
    ("raw", "kind", "said"),
    [
        (b"", "application/json", "the body is missing"),
        (b"{", "application/json", "the body is not JSON: "),
        (b"[]", "application/json", "the body is not a JSON object"),
        (b'"a"', "application/json", "the body is not a JSON object"),
        (b"\xff\xfe", "application/json", "the body is not JSON"),
        (b"[" * 10_000, "application/json", "the body is not JSON"),
        (b'{"n": ' + b"9" * 5000 + b"}", "application/json", "the body is not JSON"),
        (b'{"model": 1e999}', "application/json", ""),
        (b"{}", "text/plain", "the body is not a JSON object"),
        (b"model=alpha", "application/x-www-form-urlencoded", "the body is not a JSON object"),
    ],
)
def test_a_body_that_is_no_request(server: Served, raw: bytes, kind: str, said: str):
    answer = server.post("/v1/chat/completions", content=raw, headers={"Content-Type": kind})
    assert said in told(answer, 400)["message"]


def test_a_lone_surrogate_is_no_text(server: Served):
    raw = rb'{"model": "alpha", "messages": [{"role": "user", "content": "\ud800"}]}'
    answer = server.post(
        "/v1/chat/completions", content=raw, headers={"Content-Type": "application/json"}
    )
    told(answer, 400)


def test_a_body_that_is_too_large(server: Served):
    large = CHAT | {"messages": [{"role": "user", "content": "a" * 30_000}]}
    assert told(server.post("/v1/chat/completions", large), 413)["code"] == "body_too_large"

    def parts() -> Iterator[bytes]:
        yield from [b"a" * 1000] * 30

    assert server.client.post(
        f"{server.url}/v1/chat/completions", content=parts()
    ).status_code == 413  # fmt: skip


def test_a_client_that_is_slow(server: Served):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert b" 408 " in line.recv(1000)


@pytest.mark.parametrize("before", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_client_whose_request_never_comes(server: Served, before: bytes):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(before)
        while before and not line.recv(1000).endswith(b'"live"}'):
            pass
        line.sendall(b"GET /v1/models HTTP/1.1\r\nHost:")
        told = b"".join(iter(lambda: line.recv(1000), b""))
    assert b" 408 " in told and b"the request did not come in time" in told


def test_a_path_is_no_line_of_the_log(server: Served):
    server.get("/v1/models/a%0d%0a00:00:00%20E%20the%20engine%20has%20ended%1b[31m")
    server.get("/" + "a" * 10_000)
    server.said("GET /v1/models/a%0D%0A")
    assert not any(line.startswith("00:00:00 E the engine") for line in server.log)
    assert not any("\x1b" in line or len(line) > 500 for line in server.log)


def test_what_there_is_not(server: Served):
    told(server.get("/docs"), 404)
    told(server.post("/v1/images/generations", {}), 404)
    told(server.get("/v1/chat/completions"), 405)
    told(server.get("/v1/models/other"), 404)
    error = told(server.post("/v1/completions", TEXT | {"model": "other"}), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_too_much_waits(server: Served):
    """Two run and two wait; the others are told to come again."""
    long = TEXT | {"max_tokens": 300, "temperature": 2, "ignore_eos": True}

    def ask(number: int) -> httpx.Response:
        return httpx.post(f"{server.url}/v1/completions", json=long | {"seed": number}, timeout=60)

    with ThreadPoolExecutor(12) as pool:
        answers = [*pool.map(ask, range(12))]
    statuses = sorted(one.status_code for one in answers)
    assert set(statuses) == {200, 429} and statuses.count(200) >= 4
    refused = next(one for one in answers if one.status_code == 429)
    assert told(refused, 429)["code"] == "rate_limit_exceeded"
    assert int(refused.headers["retry-after"]) >= 1


def test_a_client_that_leaves_makes_room(server: Served):
    async def leave() -> None:
        async with httpx.AsyncClient() as client:
            body = TEXT | {"max_tokens": 300, "ignore_eos": True, "stream": True, "n": 3}
            async with client.stream("POST", f"{server.url}/v1/completions", json=body) as answer:
                async for line in answer.aiter_lines():
                    if line:
                        return

    asyncio.run(leave())
    until = time.monotonic() + 10
    while time.monotonic() < until:
        text = server.get("/metrics").text
        if 'vllm:num_requests_running{model_name="alpha",version="alpha"} 0.0' in text:
            break
    assert 'reason="client_gone",version="alpha"} 0.0' not in text
    assert server.post("/v1/completions", TEXT).status_code == 200


def test_prompts_stay_out_of_the_log(server: Served):
    server.post("/v1/completions", TEXT | {"prompt": "a secret of mine"})
    server.said(r"POST /v1/completions 200 .* alpha \d+\+\d+ tokens")
    assert "secret" not in json.dumps(server.log)
