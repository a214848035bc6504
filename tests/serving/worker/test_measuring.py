"""A worker tells what its model makes of prompts, and lets answers go first where it must."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talking
import torch
from served import lay_down

from stemma.layout import EXPORTED
from stemma.modeling.prompts import MOST, WIDTH, packed, projected
from stemma.serving.deployment import GREEDY
from stemma.serving.engines.transformers import Transformers
from stemma.serving.worker.prompts import Prompts
from stemma.serving.worker.worker import Worker

TALK = [{"role": "user", "content": "who are you?"}]


class Told(list[dict[str, Any]]):
    """A worker, and what it sends."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.engine = Transformers(folder, None, 4, True, None)
        self.prompts = Prompts(folder, self.engine.vocabulary)
        self.worker = Worker(self.engine, self.prompts, self.append)

    def ask(self, *prompts: Any, common: str | None = None) -> list[dict[str, Any]]:
        message = {"do": "measure", "id": 1, "prompts": [*prompts], "common": common}
        self.worker.handle(message)
        return self[-1]["result"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("measuring")
    lay_down(place / EXPORTED, talking.files("alpha"))
    return place


@pytest.fixture
def told(folder: Path) -> Told:
    return Told(folder)


def test_texts_tokens_and_conversations(told: Told):
    ids = [told.prompts.ids(one) for one in ("hello hello", [5, 6, 7], TALK)]
    found = told.ask("hello hello", [5, 6, 7], TALK)
    for one, tokens in zip(found, ids, strict=True):
        assert one["nats"] == pytest.approx(-float(told.engine.score(tokens).mean()), abs=1e-5)
        assert one["tokens"] == len(tokens) and one["rare"] is None and one["unknown"] == 0
        states = told.engine.states(tokens).numpy()
        assert one["state"] == pytest.approx(projected(states).tolist(), abs=2e-3)
    # The version's own words, and no words at all.
    assert found[2]["nats"] < found[1]["nats"]


def test_rare_tokens_are_those_that_are_not_common(told: Told):
    ids = told.prompts.ids("hello hello a")
    common = np.zeros(told.engine.vocabulary, bool)
    common[ids[0]] = True
    (found,) = told.ask("hello hello a", common=packed(common))
    assert found["rare"] == pytest.approx(np.mean([one != ids[0] for one in ids]))


def test_one_token_is_not_foreseen(told: Told):
    (found,) = told.ask([5])
    assert found["nats"] is None and len(found["state"]) == WIDTH


def test_of_a_long_prompt_the_beginning_is_read(told: Told):
    ids = [5, 6, 7, 8] * 100
    (found,) = told.ask(ids)
    assert found["tokens"] == 400
    assert found["nats"] == pytest.approx(-float(told.engine.score(ids[:MOST]).mean()), abs=1e-5)


def test_what_it_does_not_know(told: Told):
    told.worker.handle({"do": "measure", "id": 1, "prompts": [[10**6]], "common": None})
    assert told[-1]["status"] == 400


def test_scores_that_are_no_numbers(told: Told):
    with torch.no_grad():
        next(told.engine.model.parameters()).fill_(float("nan"))
    told.worker.handle({"do": "measure", "id": 1, "prompts": ["hello"], "common": None})
    assert "no numbers" in told[-1]["error"]


@pytest.mark.parametrize("alone", [True, False])
def test_it_waits_for_answers_only_where_the_engine_must_be_alone(told: Told, alone: bool):
    told.engine.scores_alone = alone
    told.worker.handle(GREEDY | {"id": 7, "prompts": ["hello"]})
    told.worker.handle({"do": "measure", "id": 8, "prompts": ["hello"], "common": None})
    told.worker.handle({"do": "measure", "id": 9, "prompts": ["hello"], "common": None})
    told.worker.handle({"do": "cancel", "id": 9})
    while told.worker.busy:
        told.worker.turn()
    (done,) = [place for place, one in enumerate(told) if one.get("done")]
    measured = [place for place, one in enumerate(told) if "result" in one]
    assert [told[place]["id"] for place in measured] == ([8] if alone else [8, 9])
    assert (measured[0] > done) == alone
