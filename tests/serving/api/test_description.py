"""The server's OpenAPI says what is so for this server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Served, serving

STREAMS = ("/v1/chat/completions", "/v1/completions", "/v1/responses")


@pytest.fixture(scope="module")
def server(voices: Path) -> Iterator[Served]:
    limits = ("smoke=[hello]", "answers=3", "completion_tokens=50")
    with serving(voices, "--path", "alpha", *[w for one in limits for w in ("--set", one)]) as one:
        yield one


@pytest.fixture(scope="module")
def told(server: Served) -> dict[str, Any]:
    return server.get("/openapi.json").json()


def test_every_answer_has_a_shape(told: dict[str, Any]):
    for path, operations in told["paths"].items():
        for operation in operations.values():
            answers = operation["responses"]
            assert "422" not in answers and "401" not in answers
            assert answers["429"]["headers"]["Retry-After"]["required"]
            kinds = set(answers["200"]["content"])
            if path == "/metrics":
                assert kinds == {"text/plain"}
                continue
            assert kinds == {"application/json"} | ({"text/event-stream"} & kinds)
            assert ("text/event-stream" in kinds) == (path in STREAMS)
            if not path.startswith("/page/"):
                assert answers["200"]["content"]["application/json"]["schema"]["$ref"]
    assert "securitySchemes" not in told["components"]


def test_the_limits_are_this_servers(told: dict[str, Any]):
    shapes = told["components"]["schemas"]
    for shape, name, most in (
        ("ChatRequest", "n", 3), ("ChatRequest", "max_completion_tokens", 50),
        ("CompletionRequest", "max_tokens", 50), ("ResponseRequest", "max_output_tokens", 50),
    ):  # fmt: skip
        forms = shapes[shape]["properties"][name]["anyOf"]
        assert [one.get("maximum") for one in forms if one["type"] == "integer"] == [most]


def test_the_headers_are_there(server: Served, told: dict[str, Any]):
    for path in STREAMS:
        for stream in (False, True):
            body = {"messages": [{"role": "user", "content": "hello"}]}
            body = {STREAMS[0]: body, STREAMS[1]: {"prompt": "The"}}.get(path, {"input": "hello"})
            answer = server.post(path, body | {"model": "alpha", "stream": stream})
            assert answer.headers["x-stemma-version"] == "alpha"
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind == ("text/event-stream" if stream else "application/json")
        assert "X-Stemma-Version" in told["paths"][path]["post"]["responses"]["200"]["headers"]
