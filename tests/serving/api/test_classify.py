"""A classifier and a tagger behind `/classify`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, serving


@pytest.fixture(scope="module")
def server(voices: Path) -> Iterator[Served]:
    """A server of a classifier."""
    with serving(voices, "--path", "classes") as one:
        yield one


def test_the_class_of_each_text(server: Served, voices: Path):
    texts = ["hello", "a b c", "hello"]
    told = server.post("/classify", {"model": "classes", "input": texts})
    assert told.headers["x-stemma-version"] == "classes"
    body = told.json()
    assert [one["index"] for one in body["data"]] == [0, 1, 2]
    assert body["usage"]["prompt_tokens"] > 3
    for text, one in zip(texts, body["data"], strict=True):
        assert one["probs"] == pytest.approx(expected(voices / "classes", text), abs=1e-5)
        assert one["num_classes"] == 3
        best = max(range(3), key=one["probs"].__getitem__)
        assert one["label"] == ("good", "bad", "ugly")[best]
    assert body["data"][0]["probs"] == body["data"][2]["probs"]


def expected(folder: Path, text: str) -> list[float]:
    """Return what transformers makes of a text."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        scores = model(**tokenizer(text, return_tensors="pt")).logits[0]
    return scores.softmax(-1).tolist()


def test_it_writes_nothing(server: Served):
    asked = {"model": "classes", "prompt": "x"}
    refused = server.post("/v1/completions", asked)
    assert refused.status_code == 400
    assert "writes no text" in refused.json()["error"]["message"]
    assert server.get("/version").json()["engine"]["labels"] == ["good", "bad", "ugly"]
    embedded = server.post("/v1/embeddings", {"model": "classes", "input": "x"})
    assert len(embedded.json()["data"][0]["embedding"]) == 64
