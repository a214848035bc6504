"""A server that asks for keys, and the verb that makes them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fuzzing
import httpx
import pytest
from refusing import refused as refusal
from refusing import run
from served import Served, serving

from stemma.serving import keys

TEXT: dict[str, Any] = {"model": "alpha", "prompt": "The", "max_tokens": 2}
CLOSED = ("/v1/models", "/v1/models/alpha", "/version", "/metrics", "/openapi.json", "/page/about")
OPEN = ("/health/live", "/health/ready", "/", "/page/page.js")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The keys, and under ``file`` where their hashes are."""
    path = tmp_path_factory.mktemp("keys") / "keys.yaml"
    made = {name: keys.make(path, name, rate) for name, rate in (("ada", None), ("slow", 3))}
    return made | {"file": str(path)}


@pytest.fixture(scope="module")
def server(voices: Path, words: dict[str, str]) -> Iterator[Served]:
    limits = ("--set", "smoke=[hello]", "--set", "completion_tokens=8")
    with serving(voices, "--path", "alpha", "--keys", words["file"], *limits) as one:
        yield one


def refused(answer: httpx.Response, said: str) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"] == "Bearer"
    error = answer.json()["error"]
    assert error["type"] == "authentication_error" and error["code"] == "invalid_api_key"
    assert said in error["message"]


def test_without_a_key(server: Served):
    refused(server.post("/v1/completions", TEXT), "an API key is needed")
    for path in CLOSED:
        refused(server.get(path), "an API key is needed")
    refused(server.get("/nowhere"), "an API key is needed")


def test_what_is_open(server: Served):
    for path in OPEN:
        assert server.get(path).status_code == 200


@pytest.mark.parametrize(
    "form", ["Bearer {wrong}", "Bearer", "Basic {ada}", "{ada}", "Bearer {ada}x", "Bearer é"]
)  # fmt: skip
def test_a_key_that_is_wrong(server: Served, words: dict[str, str], form: str):
    told = form.format(wrong="sk-stemma-" + "a" * 43, ada=words["ada"]).encode("latin-1")
    answer = server.post("/v1/completions", TEXT, headers={"Authorization": told})
    refused(answer, "the API key is wrong")


def test_a_key_that_is_right(server: Served, words: dict[str, str]):
    for scheme in ("Bearer", "bearer"):
        with_key = {"Authorization": f"{scheme} {words['ada']}"}
        assert server.post("/v1/completions", TEXT, headers=with_key).status_code == 200
    for path in CLOSED:
        assert server.get(path, headers=with_key).status_code == 200


def test_a_key_that_asks_too_often(server: Served, words: dict[str, str]):
    with_key = {"Authorization": f"Bearer {words['slow']}"}
    answers = [server.get("/v1/models", headers=with_key) for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
    error = answers[-1].json()["error"]
    assert error["type"] == "rate_limit_error" and "3 requests in a minute" in error["message"]
    # Others are not held up by it.
    assert server.get("/v1/models", headers={"Authorization": f"Bearer {words['ada']}"}).is_success


def test_the_log_has_names_and_no_keys(server: Served, words: dict[str, str]):
    server.get("/version", headers={"Authorization": f"Bearer {words['ada']}"})
    server.get("/version", headers={"Authorization": "Bearer sk-stemma-almost"})
    server.said(r"GET /version 200 .* key ada")
    assert "sk-stemma" not in json.dumps(server.log)


def test_the_description_says_where_a_key_is_needed(
    server: Served, words: dict[str, str], tmp_path: Path
):
    done = fuzzing.fuzz(
        server.url, "alpha", "--phases", "fuzzing", "-n", "4", folder=tmp_path, key=words["ada"]
    )
    assert done.returncode == 0, done.stdout[-6000:]
    with_key = {"Authorization": f"Bearer {words['ada']}"}
    told = server.get("/openapi.json", headers=with_key).json()
    assert told["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in told["paths"].items():
        for operation in operations.values():
            assert operation["security"] == ([] if path in OPEN else [{"key": []}])
            assert ("401" in operation["responses"]) == (path not in OPEN)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no keys.yaml"), ("ada: {sha256: [", "keys.yaml cannot be read"),
     ("# nobody\n", "keys.yaml has no key")],
)  # fmt: skip
def test_a_file_that_is_no_use_refuses_the_start(tmp_path: Path, content: str | None, said: str):
    if content is not None:
        (tmp_path / "keys.yaml").write_text(content, encoding="utf-8")
    assert said in refusal(tmp_path, "serve", "--path", ".", "--keys", "keys.yaml", "--port", "0")


def test_the_verb_makes_refuses_and_revokes(tmp_path: Path):
    made = run(tmp_path, "key", "ada", "--per-minute", "5")
    assert made.exit_code == 0 and made.stdout.startswith("sk-stemma-")
    (read,) = keys.read(tmp_path / "keys.yaml")
    assert read.per_minute == 5 and keys.Doorkeeper([read]).who(made.stdout.strip()) == read
    assert "has a key of ada already" in refusal(tmp_path, "key", "ada")
    assert run(tmp_path, "key", "bob", "--per-minute", "0").exit_code == 2
    assert run(tmp_path, "key", "ada", "--revoke").exit_code == 0
    assert "has no key of ada" in refusal(tmp_path, "key", "ada", "--revoke")
    assert run(tmp_path, "key", "ada").exit_code == 0  # the file is there, and has no key
