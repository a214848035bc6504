"""The loss of packed documents, with and without attention from one to another."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from stemma.corpus.packing import PackedSplit
from stemma.families import gpt2, llama
from stemma.modeling.examples.packed import cut_block
from stemma.modeling.family import Tokens
from stemma.modeling.runtime import Runtime
from stemma.tasks.causal_lm import training

CPU = Runtime("cpu", "fp32", 2, "native", True, 1)
SHAPE = {"layers": 2, "heads": 2, "width": 32, "context": 32}
GPT2 = {"name": "x", "family": "gpt2", "bias": False, "dropout": 0.0, "base": None, **SHAPE}
FAMILIES = {
    "fused": lambda: gpt2.Settings(activation="relu2", **GPT2),
    "gpt2": lambda: gpt2.Settings(activation="relu", **GPT2),
    "llama": lambda: llama.Settings(
        name="x",
        family="llama",
        base=None,
        kv_heads=1,
        feed_forward=48,
        rope_base=10000.0,
        **SHAPE,
    ),
}
SIZES = (5, 1, 9, 15)
TOKENS = np.random.default_rng(0).integers(1, 50, sum(SIZES)).astype(np.uint8)
OFFSETS = np.cumsum([0, *SIZES])
TOKENS[OFFSETS[1:] - 1] = 0
LENGTH = len(TOKENS) - 1


@pytest.fixture(params=list(FAMILIES))
def model(request):
    torch.manual_seed(0)
    made = FAMILIES[request.param]().build(AutoModelForCausalLM, Tokens(50, 0), {})
    for weight in made.parameters():
        if weight.ndim == 2 and weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.3)
    return made


def loss(model, tokens: np.ndarray, across: bool, start: int = 0, length: int = LENGTH) -> float:
    block = cut_block(PackedSplit(tokens, OFFSETS), start, length, across)
    with torch.no_grad():
        return training.loss(model, training.collate([block, block]), CPU).item()


def test_a_document_apart_is_predicted_as_if_it_stood_alone(model):
    # From the end-of-text token before each document but the first, which begins the block.
    starts = [0, *(OFFSETS[1:-1] - 1)]
    lengths = [SIZES[0] - 1, *SIZES[1:]]
    alone = [
        loss(model, TOKENS, True, start, length) * length
        for start, length in zip(starts, lengths, strict=True)
    ]
    apart = loss(model, TOKENS, False)
    assert apart == pytest.approx(sum(alone) / sum(lengths), rel=1e-5)
    assert apart != pytest.approx(loss(model, TOKENS, True), rel=1e-3)


def test_checkpointed_activations_change_no_gradient(model):
    block = training.collate([cut_block(PackedSplit(TOKENS, OFFSETS), 0, LENGTH, False)])
    model.train()
    found = []
    for checkpointed in (False, True):
        if checkpointed:
            model.activation_checkpointing_enable({"use_reentrant": False})
        model.zero_grad()
        training.loss(model, block, CPU).backward()
        found.append([w.grad.clone() for w in model.parameters() if w.requires_grad])
    for wanted, got in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
