"""The fused loss is the model's own loss, and trains it to the same place."""

import pytest
import torch
from peft import LoraConfig, get_peft_model, inject_adapter_in_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from stemma.families import gpt2, llama
from stemma.modeling.family import Tokens
from stemma.modeling.training import fused
from stemma.modeling.training.fused.gpt2 import _dropout_mask

VOCABULARY = 300
KIND = {"name": "x", "base": None, "layers": 2, "context": 24}
GPT2 = {"family": "gpt2", "heads": 2, "width": 32, "activation": "relu2", "bias": False}
LLAMA = {"family": "llama", "heads": 4, "kv_heads": 4, "width": 32, "feed_forward": 40}
# Two documents before the last one, of which the second is a single token.
POSITIONS = torch.cat([torch.arange(7), torch.arange(1), torch.arange(12)]).expand(3, -1)


def build_gpt2(**changes):
    settings = gpt2.Settings(**KIND | GPT2 | {"dropout": 0.0} | changes)
    return settings.build(AutoModelForCausalLM, Tokens(VOCABULARY, 0), {})


def build_llama(**changes):
    settings = llama.Settings(**KIND | LLAMA | {"rope_base": 10000.0} | changes)
    return settings.build(AutoModelForCausalLM, Tokens(VOCABULARY, 0), {})


def from_llama_config(**changes):
    """What a base from elsewhere may have and conf/ cannot say."""
    shape = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 40}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(**shape | layers | {"tie_word_embeddings": True} | changes))


MODELS = {
    "gpt2": build_gpt2,
    "llama": build_llama,
    "two heads of keys": lambda: build_llama(kv_heads=2),
    "one head of keys": lambda: build_llama(kv_heads=1, heads=2, rope_base=100.0),
    "a head of its own": lambda: from_llama_config(tie_word_embeddings=False),
    "wide heads": lambda: from_llama_config(head_dim=10, rms_norm_eps=1e-2),
}


def randomized(model):
    torch.manual_seed(3)
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            inside = ".h." in name or "proj" in name
            torch.nn.init.normal_(weight, std=0.2 if inside else 0.5)
    return model


def batch():
    generator = torch.Generator().manual_seed(4)
    return torch.randint(0, VOCABULARY, (2, 3, 20), generator=generator)


def reference(model, ids, labels, positions=None):
    logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def gradients(model, loss) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: w.grad.clone() for name, w in model.named_parameters() if w.requires_grad}


@pytest.mark.parametrize("positions", [None, POSITIONS], ids=["together", "apart"])
@pytest.mark.parametrize("kind", MODELS)
def test_loss_and_gradients_are_the_models_own(kind, positions):
    model, (ids, labels) = randomized(MODELS[kind]()), batch()
    assert fused.supports(model, "cpu")
    wanted = reference(model, ids, labels, positions)
    found = fused.loss(model, ids, labels, torch.float32, positions)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    expected, computed = gradients(model, wanted), gradients(model, found)
    assert expected.keys() == computed.keys()
    for name in expected:
        torch.testing.assert_close(computed[name], expected[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", ["gpt2", "two heads of keys"])
def test_documents_apart_have_another_loss_than_together(kind):
    model, (ids, labels) = randomized(MODELS[kind]()), batch()
    together = fused.loss(model, ids, labels, torch.float32)
    assert abs(fused.loss(model, ids, labels, torch.float32, POSITIONS) - together) > 1e-3


@pytest.mark.parametrize("kind", ["gpt2", "two heads of keys"])
def test_bf16_stays_near(kind):
    model, (ids, labels) = randomized(MODELS[kind]()), batch()
    wanted = gradients(model, reference(model, ids, labels))
    found = gradients(model, fused.loss(model, ids, labels, torch.bfloat16))
    for name in wanted:
        cosine = torch.cosine_similarity(wanted[name].flatten(), found[name].flatten(), dim=0)
        assert cosine > 0.999, name


@pytest.mark.parametrize("kind", ["gpt2", "two heads of keys"])
def test_the_same_batch_gives_the_same_bytes(kind):
    model, (ids, labels) = randomized(MODELS[kind]()), batch()
    first, second = (
        gradients(model, fused.loss(model, ids, labels, torch.float32, POSITIONS)) for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("scale", [1e-3, 40.0])
def test_a_loss_far_from_the_usual_is_still_the_models_own(scale):
    model, (ids, labels) = randomized(build_llama()), batch()
    with torch.no_grad():
        model.model.norm.weight.mul_(scale)
    wanted, found = (
        reference(model, ids, labels),
        fused.loss(model, ids, labels, torch.float32),
    )
    # Hundreds of nats: no share of a token that is asked for is above zero in fp32.
    assert scale < 1 or wanted > 100
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_dropout_scales_and_only_when_training():
    model, (ids, labels) = randomized(build_gpt2(dropout=0.25)), batch()
    model.eval()
    torch.testing.assert_close(
        fused.loss(model, ids, labels, torch.float32), reference(model, ids, labels)
    )
    model.train()
    mask = _dropout_mask(torch.empty(1000, 100), 0.25)
    assert mask.mean() == pytest.approx(1, abs=0.02)
    assert (mask == 0).float().mean() == pytest.approx(0.25, abs=0.02)
    torch.manual_seed(1)
    first = fused.loss(model, ids, labels, torch.float32)
    second = fused.loss(model, ids, labels, torch.float32)
    torch.manual_seed(1)
    assert fused.loss(model, ids, labels, torch.float32) == first
    assert first != second


SCALED = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
OTHERS = {
    "activation of gpt2": lambda: build_gpt2(activation="relu"),
    "biases of gpt2": lambda: build_gpt2(bias=True),
    "activation": lambda: from_llama_config(hidden_act="gelu"),
    "biases of attention": lambda: from_llama_config(attention_bias=True),
    "biases of the feed-forward": lambda: from_llama_config(mlp_bias=True),
    "dropout": lambda: from_llama_config(attention_dropout=0.1),
    "scaled positions": lambda: from_llama_config(rope_parameters=SCALED),
    "bf16 weights": lambda: from_llama_config().bfloat16(),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_models_take_their_own_forward(kind):
    assert not fused.supports(OTHERS[kind](), "cpu")


@pytest.mark.parametrize("build", [build_gpt2, build_llama])
def test_a_model_that_is_trained_otherwise_takes_its_own_forward(build):
    assert fused.supports(build(), "cpu")
    assert not fused.supports(build(), "cuda")
    # An adapter's weights stand beside those that are read here.
    adapter = LoraConfig(target_modules="all-linear")
    assert not fused.supports(get_peft_model(build(), adapter), "cpu")
    injected = inject_adapter_in_model(adapter, build())
    assert not fused.supports(injected.requires_grad_(True), "cpu")
    checkpointed = build()
    checkpointed.activation_checkpointing_enable({"use_reentrant": False})
    assert not fused.supports(checkpointed, "cpu")
    frozen = build()
    next(frozen.parameters()).requires_grad_(False)
    assert not fused.supports(frozen, "cpu")
