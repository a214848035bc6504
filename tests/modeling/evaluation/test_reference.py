"""Requests made of the test split: what they are, and what the model made of them."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
import torch

from stemma.config import build
from stemma.corpus import features
from stemma.corpus.packing import read_split
from stemma.corpus.tokenizer.encoder import Encoder, open_reference
from stemma.errors import SettingsError
from stemma.layout import PREPARED, REPORTS, TRAINED
from stemma.modeling.evaluation.heldout import read_texts
from stemma.modeling.evaluation.passages import passages
from stemma.modeling.evaluation.reference import Asked, Request, _write, reference
from stemma.modeling.evaluation.settings import ReferenceSection
from stemma.modeling.prompts import projected, rarest, unpacked
from stemma.modeling.runtime import Runtime
from stemma.modeling.weights.load import load_model
from stemma.stages.evaluate import EvaluateSettings, run

SECTION = ReferenceSection(requests=30, prompt_tokens=(4, 12), answer_tokens=6)
RUNTIME = Runtime("cpu", "fp32", 1, "native", True, 3)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny.make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drawn(seed: int = 3, **changes: Any) -> list[Request]:
    section = dataclasses.replace(SECTION, **changes)
    return passages(read_texts(PREPARED), TRAINED, Encoder(TRAINED), section, tiny.CONTEXT, seed)


def asked(**changes: Any) -> Asked:
    made = Asked(
        load_model(TRAINED, "AutoModelForCausalLM", "cpu"), Encoder(TRAINED), 0, tiny.CONTEXT,
        SECTION, 200, RUNTIME,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def test_prompts_are_passages_of_all_test_documents(here: Path):
    found = drawn()
    texts = tiny.texts(1, 12)
    assert 20 < len(found) <= 30 and len({one.prompt for one in found}) == len(found)
    tokenizer = open_reference(TRAINED)
    for one in found:
        assert isinstance(one.prompt, str)
        assert any(text.startswith(one.prompt) for text in texts), "each is a line of its own"
        assert one.ids == tokenizer.encode(one.prompt).ids
        assert 4 <= len(one.ids) <= 12 or one.prompt.strip() in [text.strip() for text in texts]
    used = {text for text in texts for one in found if text.startswith(str(one.prompt))}
    assert len(used) == 12
    assert drawn() == found != drawn(seed=4)
    assert len(drawn(requests=5)) == 5 and drawn(requests=0) == []


def test_prompts_leave_room_in_a_short_context(here: Path):
    assert max(len(one.ids) for one in drawn(prompt_tokens=(4, 4000))) <= tiny.CONTEXT // 2


def test_passages_are_spread_over_a_long_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = [f"{number:04} the king and the queen of sorrow speak" for number in range(400)]
    splits = {"train": tiny.texts(0, 60), "test": ["\n".join(lines) + "\n"]}
    monkeypatch.chdir(tmp_path)
    tiny.make_data(PREPARED, splits)
    tiny.make_model(TRAINED, PREPARED / "tokenizer")
    starts = sorted(int(str(one.prompt)[:4]) for one in drawn(requests=20, prompt_tokens=(8, 16)))
    assert len(starts) == 20 and starts[0] < 40 and starts[-1] > 360
    assert max(np.diff(starts)) <= 40, "one in each twentieth"


def test_rows_are_what_the_model_says_of_each_prompt_alone(here: Path):
    one, requests = asked(), drawn()
    table = reference(one, requests, read_split(PREPARED, "train"))
    facts = json.loads(table.schema.metadata[b"stemma"])
    counts = np.bincount(read_split(PREPARED, "train").tokens, minlength=one.encoder.size)
    rare = rarest(counts)
    assert rare.any() and unpacked(facts["common"])[: len(rare)].tolist() == (~rare).tolist()
    assert (facts["width"], facts["answer_tokens"], facts["seed"]) == (16, 6, 3)
    for row, request in zip(table.to_pylist(), requests, strict=True):
        ids = torch.tensor([request.ids])
        with torch.inference_mode():
            scores = one.model(ids).logits[0, :-1].log_softmax(-1)
            states = one.model.base_model(ids).last_hidden_state[0].numpy()
        nats = -scores.gather(1, ids[0, 1:, None]).mean().item()
        assert json.loads(row["prompt"]) == request.prompt
        assert row["nats"] == pytest.approx(nats, abs=1e-5)
        assert row["prompt_tokens"] == len(request.ids)
        assert row["rare"] == pytest.approx(np.mean(rare[request.ids]))
        assert row["state"] == pytest.approx(projected(states).tolist(), abs=2e-3)
        told = dataclasses.asdict(features.of([str(request.prompt)]))
        assert {name: row[name] for name in told} == told


def test_answers_are_drawn_as_each_would_be_alone(here: Path):
    one, requests = asked(), drawn()
    draws = np.random.default_rng(1).random((len(requests), 6))
    given = [request.ids for request in requests]
    together = _write(one, given, draws)
    alone = [_write(one, [ids], draws[[place]])[0] for place, ids in enumerate(given)]
    assert together == alone
    assert len({tuple(tokens) for tokens in together}) == len(together)


def test_answers_follow_the_models_shares(here: Path):
    one = asked()
    draws = np.random.default_rng(2).random((3000, 1))
    found = [tokens[0] for tokens in _write(one, [[5, 6]] * 3000, draws)]
    with torch.inference_mode():
        shares = one.model(torch.tensor([[5, 6]])).logits[0, -1].softmax(-1).numpy()
    counts = np.bincount(found, minlength=len(shares))
    # Pearson's: about 300 less one, give or take 25.
    assert ((counts - 3000 * shares) ** 2 / (3000 * shares)).sum() < 400


def test_an_answer_ends_where_the_model_ends_it_or_its_room_does(here: Path):
    one = asked(end=7)
    # Almost all that is possible: 300 tokens, of which two end an answer.
    draws = np.random.default_rng(1).random((600, 6))
    found = _write(one, [[5, 6]] * 600, draws)
    ended = [tokens for tokens in found if tokens[-1] in (0, 7)]
    assert 5 < len(ended) < 60
    assert all(not {0, 7} & {*tokens[:-1]} for tokens in found)
    assert all(len(tokens) == 6 for tokens in found if tokens not in ended)
    assert len(_write(one, [[5] * 29], draws[:1])[0]) <= 3, "the model sees 32 tokens"


def test_it_is_the_same_with_more_threads(here: Path):
    settings = tiny.measuring()

    def of(threads: int) -> list[str]:
        torch.set_num_threads(threads)
        run(build(EvaluateSettings, settings | {"runtime": RUN | {"threads": threads}}, "test"))
        return pq.read_table(REPORTS / "reference.parquet")["prompt"].to_pylist()

    assert of(1) == of(2)


RUN: dict[str, Any] = tiny.shipped("runtime/auto", device="cpu", precision="fp32", threads=1)


def test_a_longest_prompt_that_is_shorter_than_the_shortest():
    with pytest.raises(SettingsError, match=r"evaluate.reference.prompt_tokens is \[9, 8\]"):
        ReferenceSection(requests=1, prompt_tokens=(9, 8), answer_tokens=1)
