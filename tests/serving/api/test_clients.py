"""The clients that people have: each endpoint, as they ask it."""

import json
import subprocess
import sys

import openai
import pytest
import talking
from served import Served

SAID = talking.answer("alpha")
ASK = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def client(server: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)


def test_models(client: openai.OpenAI):
    (model,) = client.models.list().data
    assert model.id == "alpha" == client.models.retrieve("alpha").id


def test_chat(client: openai.OpenAI):
    raw = client.chat.completions.with_raw_response.create(
        model="alpha", messages=ASK, temperature=0, n=2
    )
    assert raw.headers["x-stemma-version"] == "alpha"
    told = raw.parse()
    assert [one.message.content for one in told.choices] == [SAID, SAID]
    assert {one.finish_reason for one in told.choices} == {"stop"}
    assert told.model == "alpha" and told.system_fingerprint.startswith("fp_")
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens


def test_chat_in_a_stream(client: openai.OpenAI):
    stream = client.chat.completions.create(
        model="alpha", messages=ASK, temperature=0, stream=True, logprobs=True, top_logprobs=2,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)
    text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert text == SAID
    assert len(chunks) > 5, "it comes piece by piece"
    assert chunks[-1].usage.completion_tokens > 5 and not chunks[-1].choices
    told = [one for chunk in chunks for choice in chunk.choices if choice.logprobs
            for one in choice.logprobs.content]  # fmt: skip
    assert b"".join(bytes(one.bytes) for one in told).decode() == SAID
    assert all(len(one.top_logprobs) == 2 and one.logprob <= 0 for one in told)


def test_completions(client: openai.OpenAI):
    told = client.completions.create(
        model="alpha", prompt=["The", "1 + 1 ="], max_tokens=40, temperature=0, logprobs=1
    )
    assert [one.text for one in told.choices] == [SAID, SAID]
    logprobs = told.choices[0].logprobs
    assert "".join(logprobs.tokens) == SAID and logprobs.text_offset[:2] == [
        0,
        len(logprobs.tokens[0]),
    ]
    stream = client.completions.create(
        model="alpha", prompt="The", max_tokens=3, temperature=0, stream=True
    )
    pieces = [one.choices[0] for one in stream]
    assert SAID.startswith("".join(one.text for one in pieces))
    assert pieces[-1].finish_reason == "length"


def test_responses(client: openai.OpenAI):
    told = client.responses.create(
        model="alpha", input="hello", instructions="Be short.", temperature=0
    )
    assert (told.output_text, told.status) == (SAID, "completed")
    with client.responses.stream(model="alpha", input="hello", temperature=0) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == SAID
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    short = client.responses.create(
        model="alpha",
        input="hello",
        temperature=0,
        max_output_tokens=16,
        text={"format": {"type": "text"}},
    )
    assert short.output_text == SAID


def test_json_that_keeps_to_a_schema(client: openai.OpenAI):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 4}, "age": {"enum": [1, 2]}},
        "required": ["name", "age"], "additionalProperties": False,
    }  # fmt: skip
    for seed in range(3):
        told = client.chat.completions.create(
            model="alpha", messages=ASK, seed=seed, max_tokens=120, temperature=2,
            response_format={
                "type": "json_schema", "json_schema": {"name": "person", "schema": schema}
            },
        )  # fmt: skip
        found = json.loads(told.choices[0].message.content)
        assert len(found["name"]) <= 4 and found["age"] in (1, 2) and len(found) == 2


def test_embeddings(client: openai.OpenAI):
    # The client asks for base64 by itself.
    one, other = client.embeddings.create(model="alpha", input=["hello", "a b c"]).data
    plain = client.embeddings.create(model="alpha", input="hello", encoding_format="float").data[0]
    assert len(one.embedding) == 64
    assert one.embedding == pytest.approx(plain.embedding, abs=1e-6)
    assert one.embedding != pytest.approx(other.embedding, abs=1e-3)


def test_errors_as_the_client_knows_them(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError, match="'other' is not served"):
        client.chat.completions.create(model="other", messages=ASK)
    with pytest.raises(openai.BadRequestError, match="'tools' is not supported") as raised:
        client.chat.completions.create(
            model="alpha", messages=ASK,
            tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        )  # fmt: skip
    assert raised.value.param == "tools" and raised.value.code == "unsupported_parameter"


def test_langchain(server: Served):
    from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings

    how = {"base_url": f"{server.url}/v1", "api_key": "any", "model": "alpha", "max_retries": 0}
    chat = ChatOpenAI(**how, temperature=0)
    assert chat.invoke("hello").content == SAID
    assert "".join(str(one.content) for one in chat.stream("hello")) == SAID
    by_responses = ChatOpenAI(**how, temperature=0, use_responses_api=True)
    assert by_responses.invoke("hello").text == SAID
    assert OpenAI(**how, temperature=0, max_tokens=40).invoke("The") == SAID
    embeddings = OpenAIEmbeddings(**how, check_embedding_ctx_length=False)
    assert len(embeddings.embed_query("hello")) == 64


TEXT = {
    "openai-chat": ["chat-basic-response", "chat-system-prompt", "chat-multi-turn",
                    "chat-streaming-response", "chat-streaming-usage"],
    "open-responses": ["basic-response", "system-prompt", "multi-turn", "streaming-response",
                       "streaming-usage", "assistant-phase", "response-output-phase-schema",
                       "compact-missing-model", "error-handling"],
}  # fmt: skip


@pytest.mark.parametrize("form", TEXT)
def test_llm_comply(server: Served, form: str):
    """What it asks of a model of texts; tools, images and reasoning are refused."""
    done = subprocess.run(
        [sys.executable, "-m", "llm_comply.cli", "-u", f"{server.url}/v1", "-k", "any", "-m",
         "alpha", "--format", form, "--filter", ",".join(TEXT[form]), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    results = told["results"]
    assert [one["id"] for one in results] == TEXT[form]
    assert {one["status"] for one in results} == {"passed"}, results


def test_curl(server: Served):
    body = json.dumps({"model": "alpha", "messages": ASK, "temperature": 0, "stream": True})
    url = f"{server.url}/v1/chat/completions"
    done = subprocess.run(
        ["curl", "-sSN", url, "-H", "Content-Type: application/json", "-d", body],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *events, last = done.stdout.strip().split("\n\n")
    assert last == "data: [DONE]"
    told = [json.loads(one.removeprefix("data: ")) for one in events]
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in told) == SAID
