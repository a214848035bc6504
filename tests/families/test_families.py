"""Every family builds what conf/model asks of it, refuses shapes that cannot be, and learns."""

import re
from importlib import import_module

import pytest
import torch
import transformers
import yaml
from project import ROOT

from stemma.config import build
from stemma.errors import ModelError, SettingsError
from stemma.modeling.family import Tokens

NANO = ["gpt2_nano", "llama_nano", "bert_nano", "t5_nano"]
AUTO = {
    "gpt2": "AutoModelForCausalLM",
    "llama": "AutoModelForCausalLM",
    "bert": "AutoModelForMaskedLM",
    "t5": "AutoModelForSeq2SeqLM",
}


def settings(choice: str, **changes):
    raw = yaml.safe_load((ROOT / f"conf/model/{choice}.yaml").read_text())
    kind = import_module(f"stemma.families.{raw['family']}").Settings
    return build(kind, raw | changes, "conf", "model")


def made(choice: str, auto: str | None = None, vocabulary: int = 300, **changes):
    shape = settings(choice, **changes)
    kind = getattr(transformers, auto or AUTO[shape.family])
    return shape.build(kind, Tokens(vocabulary, 0), {})


@pytest.mark.parametrize("choice", NANO)
def test_it_takes_a_step_of_its_own_loss(choice):
    torch.manual_seed(0)
    model = made(choice, layers=2, width=32)
    ids = torch.randint(1, 300, (4, 12))
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    losses = []
    for _ in range(4):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("choice", NANO)
def test_its_weights_are_a_function_of_the_seed(choice):
    models = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        models.append(
            torch.cat([w.flatten() for w in made(choice, layers=1, width=32).parameters()])
        )
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


def test_the_small_ones_are_of_one_size_and_gpt2_is_the_published_one():
    sizes = {choice: made(choice, vocabulary=2048).num_parameters() for choice in NANO}
    assert max(sizes.values()) < 1.25 * min(sizes.values()), sizes
    with torch.device("meta"):
        published = transformers.AutoModelForCausalLM.from_config(transformers.GPT2Config())
        ours = made("gpt2", vocabulary=50257)
    assert ours.num_parameters() == published.num_parameters()
    wanted, found = published.config.to_dict(), ours.config.to_dict()
    differing = {key for key in wanted if wanted[key] != found[key]}
    # Ours knows its own end-of-text token; and drops nothing of the attention weights.
    assert differing <= {"attn_pdrop", "bos_token_id", "eos_token_id"}


BAD = {
    "gpt2 heads": ("gpt2_nano", {"heads": 3}, "model.width 256 is no multiple of model.heads 3"),
    "bert heads": ("bert_nano", {"heads": 3}, "model.width 256 is no multiple of model.heads 3"),
    "t5 heads": ("t5_nano", {"heads": 3}, "model.width 256 is no multiple of model.heads 3"),
    "llama heads": (
        "llama_nano",
        {"heads": 256, "kv_heads": 1},
        "model.width 256 is no multiple of 2 times model.heads 256",
    ),
    "llama groups": (
        "llama_nano",
        {"kv_heads": 3},
        "model.heads 4 is no multiple of model.kv_heads 3",
    ),
    "unknown key": ("t5_nano", {"context": 128}, "unknown key 'model.context'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_shapes_that_cannot_be_name_the_keys(kind):
    choice, changes, said = BAD[kind]
    with pytest.raises(SettingsError) as caught:
        settings(choice, **changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("choice", "model"),
    [
        ("llama_nano", "MaskedLM"),
        ("t5_nano", "CausalLM"),
        ("bert_nano", "CausalLM"),
        ("gpt2_nano", "Seq2SeqLM"),
    ],
)
def test_a_family_without_a_model_for_the_task(choice, model):
    said = f"model.family {choice.removesuffix('_nano')} has no {model} model"
    with pytest.raises(ModelError, match=re.escape(said)):
        made(choice, f"AutoModelFor{model}")
