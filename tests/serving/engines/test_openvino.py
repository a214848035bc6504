"""OpenVINO behind the same endpoints."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
import talking
from served import SECONDS, Served, serving

# Not imported here: in pytest's own process it closes what pytest captures.
pytestmark = pytest.mark.skipif(
    find_spec("openvino_genai") is None, reason="openvino-genai is not installed"
)
ASK = {"model": "alpha", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def server(voices: Path) -> Iterator[Served]:
    """A server of alpha by OpenVINO."""
    with serving(
        voices, "--path", "alpha", "--engine", "openvino", "--set", "smoke=[hello]"
    ) as one:
        yield one


def test_it_says_what_transformers_says(server: Served):
    told = server.chat(model="alpha", logprobs=True)
    assert told["choices"][0]["message"]["content"] == talking.answer("alpha")
    assert told["choices"][0]["finish_reason"] == "stop"
    assert "openvino_float32" in told["system_fingerprint"]
    logprobs = told["choices"][0]["logprobs"]["content"]
    assert b"".join(bytes(one["bytes"]) for one in logprobs).decode() == talking.answer("alpha")
    assert all(-0.5 < one["logprob"] <= 0 for one in logprobs), "it was taught to say this"


def test_a_seed_gives_the_same_text_whatever_else_runs(server: Served):
    def drawn(seed: int) -> str:
        body = ASK | {"seed": seed, "temperature": 2, "max_tokens": 40}
        told = server.post("/v1/chat/completions", body).json()
        return told["choices"][0]["message"]["content"]

    alone = [drawn(seed) for seed in range(6)]
    assert len(set(alone)) == 6
    with ThreadPoolExecutor(6) as pool:
        assert [*pool.map(drawn, range(6))] == alone


def test_it_keeps_to_a_schema(server: Served):
    schema = {
        "type": "object", "properties": {"age": {"enum": [1, 2]}}, "required": ["age"],
        "additionalProperties": False,
    }  # fmt: skip
    form = {"type": "json_schema", "json_schema": {"name": "age", "schema": schema}}
    # It leaves white space free: a model that is unsure writes much of it.
    body = ASK | {"response_format": form, "max_tokens": 200, "temperature": 2, "seed": 1}
    told = server.post("/v1/chat/completions", body).json()
    assert json.loads(told["choices"][0]["message"]["content"])["age"] in (1, 2)


def test_stop_strings_and_lengths(server: Served):
    told = server.chat(model="alpha", stop="glad")["choices"][0]
    assert (told["message"]["content"], told["finish_reason"]) == ("I am alpha, and ", "stop")
    told = server.chat(model="alpha", max_tokens=3)
    assert told["choices"][0]["finish_reason"] == "length"
    assert told["usage"]["completion_tokens"] == 3


def test_what_it_cannot(server: Served):
    asked = ASK | {"logprobs": True, "top_logprobs": 2}
    refused = server.post("/v1/chat/completions", asked)
    assert refused.status_code == 400
    assert "does not tell how likely other tokens were" in refused.json()["error"]["message"]
    assert server.post("/v1/embeddings", {"model": "alpha", "input": "a"}).status_code == 400


def test_a_model_that_it_does_not_know(voices: Path):
    one = Served(voices, "--path", "classes", "--engine", "openvino")
    assert one.process.wait(SECONDS) == 1
    assert "LlamaForCausalLM only" in one.told()
