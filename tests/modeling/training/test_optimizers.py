import copy
import dataclasses
import re
from importlib import import_module

import pytest
import torch
import transformers
import yaml
from project import ROOT
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from stemma.config import build
from stemma.families.gpt2 import Settings
from stemma.modeling.family import Tokens
from stemma.modeling.training.optimizers import build_optimizer, orthogonalize
from stemma.modeling.training.settings import TrainSection

SECTION = TrainSection(
    name="x",
    method="full",
    lora=None,
    trainable_layers=None,
    preference=None,
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
    base=None,
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


# Square, and wide enough for the products of the short side alone; of either layout.
SHAPES = [(3, 16, 16), (2, 16, 64), (2, 64, 16), (1, 16, 20)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonalized_matrices_have_singular_values_near_one(shape, dtype):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(shape), dtype).float())
    assert values.min() > 0.3
    assert values.max() < 1.3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_orthogonalizing_keeps_the_directions_and_forgets_the_size(shape, size):
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    graded = left @ torch.diag_embed(torch.logspace(0, -1.5, values.shape[1])) @ right
    found = orthogonalize(graded * size, torch.float32)
    # In the matrix's own directions there is a diagonal, near one.
    inside = left.mT @ found @ right.mT
    torch.testing.assert_close(
        inside, torch.diag_embed(inside.diagonal(dim1=1, dim2=2)), atol=1e-3, rtol=0
    )
    assert inside.diagonal(dim1=1, dim2=2).min() > 0.7
    assert inside.diagonal(dim1=1, dim2=2).max() < 1.3


def test_a_matrix_without_a_gradient_moves_nowhere():
    assert not orthogonalize(torch.zeros(2, 4, 8), torch.float32).any()


def test_query_key_and_value_are_each_orthogonalized():
    section = dataclasses.replace(SECTION, muon_weight_decay=0.0)
    before = model_and_steps(section, ())[0].transformer.h[0].attn.c_attn.weight
    after = model_and_steps(section, range(2))[0].transformer.h[0].attn.c_attn.weight
    # The first step moves nothing there: the projection behind it starts at zero.
    change = (after - before).detach()
    for part in change.split(16, dim=1):
        norm = torch.linalg.matrix_norm(part)
        assert norm == pytest.approx(0.02 * 16**0.5, rel=0.5)


class Block(nn.Module):
    """A linear layer in both of the layouts that transformers has, in a numbered block."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([layer])
        self.head = nn.Linear(4, 4)


@pytest.mark.parametrize(("inputs", "outputs"), [(16, 16), (16, 24), (24, 8)])
def test_muon_takes_matrices_of_either_layout(inputs, outputs):
    linear, conv = nn.Linear(inputs, outputs, bias=False), Conv1D(outputs, inputs)
    conv.weight.data = linear.weight.data.t().clone()
    for layer in (linear, conv):
        optimizer = build_optimizer(Block(layer), SECTION, torch.float32)
        torch.manual_seed(5)
        for _ in range(3):
            gradient = torch.randn(inputs, outputs)
            layer.weight.grad = gradient if layer is conv else gradient.t().clone()
            optimizer.step()
    torch.testing.assert_close(conv.weight.t(), linear.weight)


@pytest.mark.parametrize(
    ("choice", "auto", "first", "others"),
    [
        ("llama_nano", "CausalLM", "model.layers.0.self_attn.q_proj.weight", 4 * 7 - 1),
        ("gpt2_nano", "CausalLM", "transformer.h.0.attn.c_attn.weight", 4 * 4 - 1),
        # The head's own dense layer and T5's table of relative positions are left to AdamW.
        ("bert_nano", "MaskedLM", "bert.encoder.layer.0.attention.self.query.weight", 4 * 6 - 1),
        ("t5_nano", "Seq2SeqLM", "encoder.block.0.layer.0.SelfAttention.q.weight", 2 * 18 - 1),
    ],
)
def test_muon_has_the_matrices_of_the_blocks_and_no_embedding_or_head(choice, auto, first, others):
    raw = yaml.safe_load((ROOT / f"conf/model/{choice}.yaml").read_text())
    kind = import_module(f"stemma.families.{raw['family']}").Settings
    auto = getattr(transformers, f"AutoModelFor{auto}")
    model = build(kind, raw | {"width": 32}, "conf").build(auto, Tokens(50, 0), {})
    names = {weight: name for name, weight in model.named_parameters()}
    groups = build_optimizer(model, SECTION, torch.float32).param_groups
    hidden = [
        names[weight] for group in groups if "momentum" in group for weight in group["params"]
    ]
    assert hidden[0] == first
    assert len(hidden) == 1 + others
    assert not [name for name in hidden if re.search("emb|wte|wpe|head|bias|norm", name)]
    everything = [weight for group in groups for weight in group["params"]]
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    assert len(everything) == len(trained) and set(everything) == set(trained)


def test_with_nothing_but_matrices_of_blocks_the_first_learning_rate_is_still_adamws():
    block = Block(nn.Linear(8, 8, bias=False))
    block.head.requires_grad_(False)
    optimizer = build_optimizer(block, SECTION, torch.float32)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01, 0.02]
    block.blocks[0].weight.grad = torch.ones(8, 8)
    before = block.blocks[0].weight.clone()
    optimizer.step()
    assert not torch.equal(block.blocks[0].weight, before)


def test_all_learn():
    for name in ("adamw", "adafactor", "muon"):
        section = dataclasses.replace(SECTION, optimizer=name)
        model, _ = model_and_steps(section, [7] * 30)
        ids = torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(7))
        assert model(input_ids=ids, labels=ids).loss < 3.0
