"""The batch writes what transformers' own `generate` writes, whoever comes and goes meanwhile."""

import dataclasses
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import yaml
from project import ROOT

from stemma.config import build
from stemma.layout import EXPORTED
from stemma.modeling.family import Tokens
from stemma.serving.engines.sampling import Chosen
from stemma.serving.engines.transformers import CHUNK, Transformers

VOCABULARY, CONTEXT = 200, 320
KINDS = {
    "llama": ("llama_nano", "AutoModelForCausalLM", {"layers": 2, "width": 64}),
    "gpt2": ("gpt2_nano", "AutoModelForCausalLM", {"layers": 2, "width": 64}),
    "t5": ("t5_nano", "AutoModelForSeq2SeqLM", {"layers": 1, "width": 64}),
}


@dataclasses.dataclass
class Greedy:
    """Takes the greatest, and keeps the scores."""

    scores: list[torch.Tensor] = dataclasses.field(default_factory=list)

    def __call__(self, scores: torch.Tensor) -> Chosen:
        self.scores.append(scores.clone())
        return Chosen(int(scores.argmax()))


@dataclasses.dataclass(frozen=True)
class Asked:
    """A prompt, the step at which it enters, and how many tokens are wanted of it."""

    ids: tuple[int, ...]
    enters: int
    tokens: int


def prompt(length: int, seed: int) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(2, VOCABULARY, (length,), generator=generator).tolist())


# Rows are freed in the middle and at the end, and taken again; more come than there are rows, and
# one has a prompt of more than a chunk.
ASKED = (
    Asked(prompt(5, 1), 0, 12), Asked(prompt(1, 2), 0, 3), Asked(prompt(17, 3), 0, 20),
    Asked(prompt(CHUNK + 30, 4), 2, 9), Asked(prompt(8, 5), 4, 15), Asked(prompt(3, 6), 5, 1),
    Asked(prompt(40, 7), 6, 10), Asked(prompt(2, 8), 15, 14),
)  # fmt: skip
ROWS = 3


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of a family, each of whose tokens depends on all before it."""
    choice, auto, changes = KINDS[request.param]
    raw = yaml.safe_load((ROOT / f"conf/model/{choice}.yaml").read_text(encoding="utf-8"))
    kind = import_module(f"stemma.families.{raw['family']}").Settings
    room = {"context": CONTEXT} if raw.get("context") else {}
    torch.manual_seed(1)
    shape = build(kind, raw | changes | room, "conf", "model")
    model = shape.build(getattr(transformers, auto), Tokens(VOCABULARY, 0), {})
    with torch.no_grad():
        for name, one in model.named_parameters():
            # As they are drawn to begin with, layers add nothing, and no token sees another.
            if one.ndim > 1:
                one.normal_(std=(0.3 if "emb" in name or "shared" in name else 3) / 64**0.5)
    place = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(place / EXPORTED)
    return place


def opened(folder: Path, batched: bool) -> Transformers:
    return Transformers(folder, None, ROWS, batched, None)


def written(engine: Any, asked: Sequence[Asked]) -> tuple[list[list[int]], list[Greedy]]:
    """Return the tokens of each answer, and the scores that they were taken from."""
    samplers = [Greedy() for _ in asked]
    texts: list[list[int]] = [[] for _ in asked]
    waiting, step, begun = dict(enumerate(asked)), 0, []
    while waiting or engine.busy:
        for key in [key for key, one in waiting.items() if one.enters <= step]:
            engine.add(key, waiting.pop(key).ids, samplers[key])
        now, told = engine.step()
        begun += now
        for key, chosen in told:
            texts[key].append(chosen.token)
            if len(texts[key]) == asked[key].tokens:
                engine.drop(key)
        step += 1
    assert sorted(begun) == list(range(len(asked)))
    return texts, samplers


def of_generate(folder: Path, one: Asked) -> list[int]:
    """Return what transformers writes, without an end of text."""
    config = transformers.AutoConfig.from_pretrained(folder / EXPORTED)
    kind = getattr(transformers, config.architectures[0])
    model = kind.from_pretrained(folder / EXPORTED).eval()
    model.generation_config.eos_token_id = None
    ids = torch.tensor([one.ids])
    found = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=one.tokens
    )[0].tolist()
    return found[1:] if config.is_encoder_decoder else found[len(one.ids) :]


@pytest.mark.parametrize("batched", [True, False])
def test_it_writes_what_transformers_writes(folder: Path, batched: bool):
    texts, _ = written(opened(folder, batched), ASKED)
    expected = [of_generate(folder, one) for one in ASKED]
    assert texts == expected
    longest = max(texts, key=len)
    assert len(set(longest)) > len(longest) // 2, "no token says what the next one is"


def test_not_batched_its_scores_are_those_of_a_sequence_alone_to_the_bit(folder: Path):
    _, together = written(opened(folder, batched=False), ASKED)
    for one, mixed in zip(ASKED, together, strict=True):
        _, (alone,) = written(opened(folder, batched=False), [dataclasses.replace(one, enters=0)])
        assert len(alone.scores) == len(mixed.scores) == one.tokens
        assert all(map(torch.equal, alone.scores, mixed.scores))


def test_batched_its_scores_differ_by_roundings(folder: Path):
    """Matrix products of other shapes add in another order: 7e-6 was the greatest difference seen
    here, of scores from -9 to 7 in single precision, and none with an encoder, which has no batch.
    """
    _, together = written(opened(folder, batched=True), ASKED)
    greatest = 0.0
    for one, mixed in zip(ASKED, together, strict=True):
        _, (alone,) = written(opened(folder, batched=True), [dataclasses.replace(one, enters=0)])
        for a, b in zip(alone.scores, mixed.scores, strict=True):
            greatest = max(greatest, float((a - b).abs().max()))
    assert greatest < 1e-4


def test_a_sequence_that_is_dropped_while_it_waits_or_is_filled_leaves_the_others(folder: Path):
    engine, samplers = opened(folder, batched=True), [Greedy() for _ in range(5)]
    for key, one in enumerate(ASKED[:3]):
        engine.add(key, one.ids, samplers[key])
    told: dict[int, list[int]] = {key: [] for key in range(5)}

    def steps(number: int) -> None:
        for _ in range(number):
            for key, chosen in engine.step()[1]:
                told[key].append(chosen.token)

    steps(3)
    engine.drop(1)
    engine.add(3, ASKED[3].ids, samplers[3])
    engine.add(4, ASKED[4].ids, samplers[4])
    steps(1)  # a decoder is in the middle of the long prompt
    engine.drop(3)
    steps(1)
    engine.drop(4)
    engine.drop(9)  # nobody
    steps(7)
    for key in (0, 2):
        wanted = of_generate(folder, dataclasses.replace(ASKED[key], tokens=len(told[key])))
        assert told[key] == wanted
    engine.drop(0)
    engine.drop(2)
    assert not engine.busy


def test_a_sequence_dropped_in_the_middle_moves_the_one_that_is_filled(folder: Path):
    """The rows stay without gaps, and the half of a prompt that is there goes with them."""
    engine, samplers = opened(folder, batched=True), [Greedy() for _ in range(3)]
    engine.add(0, ASKED[0].ids, samplers[0])
    engine.add(1, ASKED[2].ids, samplers[1])
    told: list[int] = []

    def step() -> None:
        told.extend(chosen.token for key, chosen in engine.step()[1] if key == 2)

    step()
    step()
    engine.add(2, ASKED[3].ids, samplers[2])
    step()  # a decoder is in the middle of the long prompt
    engine.drop(0)
    while len(told) < 6:
        step()
    assert told == of_generate(folder, dataclasses.replace(ASKED[3], tokens=len(told)))


def test_scores_of_a_text_are_those_of_the_model(folder: Path):
    engine = opened(folder, batched=True)
    if engine._encodes:
        pytest.skip("a model that turns texts into others is not asked to foresee one")
    ids = list(ASKED[2].ids)
    logits = engine.model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    wanted = logits[range(len(ids) - 1), ids[1:]]
    torch.testing.assert_close(engine.score(ids), wanted.detach())
    assert engine.states(ids).shape[0] == len(ids)


def test_what_is_foreseen_and_the_states_come_of_one_pass(folder: Path):
    engine = opened(folder, batched=True)
    ids = list(ASKED[2].ids)
    logprobs, states = engine.foresee(ids)
    assert states is not None
    torch.testing.assert_close(states, engine.states(ids))
    if engine._encodes:
        assert logprobs is None
        return
    assert logprobs is not None
    torch.testing.assert_close(logprobs, engine.score(ids))
    alone = engine.foresee(ids[:1])[0]
    assert alone is not None and len(alone) == 0
