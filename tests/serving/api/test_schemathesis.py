"""Whatever the description allows, and what it does not, is answered as the description says."""

import re
from collections.abc import Iterator
from pathlib import Path

import fuzzing
import pytest
from served import Served, serving

LIMITS = ("smoke=[hello]", "completion_tokens=8")


# Requests for each endpoint, and the endpoints: a classifier differs in few.
ASKED = {
    "alpha": (24, ()),
    "classes": (16, ("/classify", "/v1/embeddings", "/v1/completions", "/version")),
}


@pytest.fixture(scope="module", params=ASKED)
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def server(voices: Path, model: str) -> Iterator[Served]:
    words = [word for one in LIMITS for word in ("--set", one)]
    with serving(voices, "--path", model, *words) as one:
        yield one


def test_whatever_is_asked(server: Served, model: str, tmp_path: Path):
    examples, paths = ASKED[model]
    words = [word for one in paths for word in ("--include-path", one)]
    done = fuzzing.fuzz(
        server.url, model, "--phases", "fuzzing", "-n", str(examples), "--seed", "3", *words,
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    asked = re.search(r"(\d+) generated", done.stdout)
    assert asked and int(asked[1]) > 40
    # It got as far as the model, and the engine lived through all of it.
    answered = [line for line in server.log if re.search(r" I POST \S+ 200 ", line)]
    assert len(answered) > 10
    restarts = f'engine_restarts_total{{model_name="{model}",version="{model}"}} 0.0'
    assert restarts in server.get("/metrics").text
