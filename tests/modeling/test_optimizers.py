import copy
import dataclasses

import pytest
import torch
from transformers import AutoModelForCausalLM

from stemma.families.gpt2 import Settings
from stemma.modeling.building import Tokens
from stemma.modeling.optimizers import build_optimizer, orthogonalize
from stemma.modeling.training import TrainSection

SECTION = TrainSection(
    name="x",
    steps=10,
    batch_size=2,
    micro_batch_size=2,
    sequence_length=8,
    across_documents=True,
    optimizer="muon",
    learning_rate=0.01,
    muon_learning_rate=0.02,
    weight_decay=0.1,
    muon_weight_decay=0.1,
    adam_betas=(0.9, 0.98),
    momentum=0.95,
    schedule="linear",
    warmup=0.1,
    decay=0.0,
    clip=None,
    gradient_checkpointing=False,
    patience=None,
    log_every=1,
    evaluate_every=1,
    checkpoint_every=1,
    validation_blocks=1,
)
MODEL = Settings(
    name="x",
    family="gpt2",
    layers=2,
    heads=2,
    width=16,
    context=8,
    activation="relu2",
    bias=True,
    dropout=0.0,
)


def model_and_steps(section, steps, optimizer_state=None, model_state=None):
    torch.manual_seed(0)
    model = MODEL.build(AutoModelForCausalLM, Tokens(50, 0), {})
    if model_state:
        model.load_state_dict(model_state)
    optimizer = build_optimizer(model, section, torch.bfloat16)
    if optimizer_state:
        optimizer.load_state_dict(optimizer_state)
    for step in steps:
        ids = torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(step))
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon"])
def test_a_restored_optimizer_goes_on_to_the_same_weights(name):
    section = dataclasses.replace(SECTION, optimizer=name)
    wanted, _ = model_and_steps(section, range(6))
    model, optimizer = model_and_steps(section, range(3))
    states = copy.deepcopy((optimizer.state_dict(), model.state_dict()))
    found, _ = model_and_steps(section, range(3, 6), *states)
    for name, weight in wanted.state_dict().items():
        assert torch.equal(weight, found.state_dict()[name]), name


def test_the_rest_is_adamw_as_torch_has_it():
    section = dataclasses.replace(SECTION, muon_learning_rate=1e-30)
    plain = dataclasses.replace(SECTION, optimizer="adamw")
    muon, _ = model_and_steps(section, range(1))
    adamw, _ = model_and_steps(plain, range(1))
    for name in ("transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.bias"):
        torch.testing.assert_close(muon.state_dict()[name], adamw.state_dict()[name], msg=name)


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 16, 64)])
def test_orthogonalized_matrices_have_singular_values_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(shape), torch.bfloat16).float())
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_query_key_and_value_are_each_orthogonalized():
    section = dataclasses.replace(SECTION, muon_weight_decay=0.0)
    before = model_and_steps(section, ())[0].transformer.h[0].attn.c_attn.weight
    after = model_and_steps(section, range(2))[0].transformer.h[0].attn.c_attn.weight
    # The first step moves nothing there: the projection behind it starts at zero.
    change = (after - before).detach()
    for part in change.split(16, dim=1):
        norm = torch.linalg.matrix_norm(part)
        assert norm == pytest.approx(0.02 * 16**0.5, rel=0.5)


def test_both_learn():
    for name in ("adamw", "adafactor", "muon"):
        section = dataclasses.replace(SECTION, optimizer=name)
        model, _ = model_and_steps(section, [7] * 30)
        ids = torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(7))
        assert model(input_ids=ids, labels=ids).loss < 3.0
