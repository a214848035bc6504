"""vLLM behind the front: a stand-in always, vLLM itself where STEMMA_VLLM names its command."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import talking
import vllm_stub
from served import Served, serving

STUB = f"{sys.executable} {vllm_stub.__file__}"
SAID = "".join(vllm_stub.WORDS)
SMOKE = ("--set", "smoke=[hello]")


@pytest.fixture(scope="module")
def server(voices: Path) -> Iterator[Served]:
    """A server whose engine is the stand-in."""
    with serving(
        voices, "--path", "alpha", "--engine", "vllm", "--set", f"vllm={STUB}", *SMOKE
    ) as one:
        yield one


def test_it_is_asked_by_the_same_endpoints(server: Served):
    assert server.get("/version").json()["engine"]["engine"] == "vllm-0.32.0"
    told = server.chat(model="alpha")
    assert told["choices"][0]["message"]["content"] == SAID
    assert told["usage"] == {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}
    stream = server.post(
        "/v1/completions", {"model": "alpha", "prompt": "x", "stream": True, "max_tokens": 9}
    )
    assert stream.text.count('"text": ') == 3 and stream.text.rstrip().endswith("[DONE]")
    assert stream.headers["x-stemma-version"] == "alpha"
    assert (
        'generation_tokens_total{model_name="alpha",version="alpha"}' in server.get("/metrics").text
    )


def test_what_it_refuses_and_what_it_cannot(server: Served):
    body = {"model": "alpha", "prompt": "x", "max_tokens": 65}
    refused = server.post("/v1/completions", body)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "max_tokens is too large"
    assert server.post("/v1/embeddings", {"model": "alpha", "input": "x"}).status_code == 400


def test_it_dies_and_comes_back(server: Served):
    lines = len(server.log)
    died = server.post("/v1/completions", {"model": "alpha", "prompt": "die"})
    assert died.status_code == 503 and died.json()["error"]["code"] == "engine_away"
    server.said("ready again", lines)
    assert server.chat(model="alpha")["choices"][0]["message"]["content"] == SAID


def test_a_command_that_is_not_there(voices: Path):
    one = Served(voices, "--path", "alpha", "--engine", "vllm", "--set", "vllm=/not/there")
    assert one.process.wait(60) == 1
    assert "vLLM cannot be started by `/not/there`" in one.told()


@pytest.mark.skipif("STEMMA_VLLM" not in os.environ, reason="STEMMA_VLLM names no vLLM")
def test_vllm_itself(voices: Path):
    words = ("--engine", "vllm", "--set", f"vllm={os.environ['STEMMA_VLLM']}", *SMOKE)
    with serving(voices, "--path", "alpha", *words, "--set", "start_seconds=300") as one:
        told = one.chat(model="alpha")
        assert told["choices"][0]["message"]["content"] == talking.answer("alpha")
