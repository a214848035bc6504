"""The fused loss is the model's own loss, and trains it to the same place."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from stemma.families.gpt2 import Settings
from stemma.modeling import fused
from stemma.modeling.building import Tokens


def settings(**changes) -> Settings:
    shape = {"layers": 2, "heads": 2, "width": 32, "context": 24, "dropout": 0.0}
    kind = {"name": "x", "family": "gpt2", "base": None, "activation": "relu2", "bias": False}
    return Settings(**kind | shape | changes)


def built(**changes):
    return settings(**changes).build(AutoModelForCausalLM, Tokens(300, 0), {})


def random_model(**changes):
    torch.manual_seed(3)
    model = built(**changes)
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.2 if ".h." in name else 0.5)
    ids = torch.randint(0, 300, (3, 20))
    return model, ids, torch.randint(0, 300, (3, 20))


def reference(model, ids, labels):
    logits = model(input_ids=ids, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def gradients(model, loss) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: w.grad.clone() for name, w in model.named_parameters() if w.requires_grad}


def test_loss_and_gradients_are_the_models_own():
    model, ids, labels = random_model()
    wanted = reference(model, ids, labels)
    found = fused.loss(model, ids, labels, torch.float32)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    expected, computed = gradients(model, wanted), gradients(model, found)
    assert expected.keys() == computed.keys()
    for name in expected:
        torch.testing.assert_close(computed[name], expected[name], rtol=1e-4, atol=1e-6, msg=name)


def test_documents_apart_are_those_of_the_models_own_attention():
    model, ids, labels = random_model()
    positions = torch.cat([torch.arange(7), torch.arange(1), torch.arange(12)]).expand(3, -1)
    logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
    wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    found = fused.loss(model, ids, labels, torch.float32, positions)
    assert abs(found - fused.loss(model, ids, labels, torch.float32)) > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    expected, computed = gradients(model, wanted), gradients(model, found)
    for name in expected:
        torch.testing.assert_close(computed[name], expected[name], rtol=1e-4, atol=1e-6, msg=name)


def test_bf16_stays_near():
    model, ids, labels = random_model()
    wanted = gradients(model, reference(model, ids, labels))
    found = gradients(model, fused.loss(model, ids, labels, torch.bfloat16))
    for name in wanted:
        cosine = torch.cosine_similarity(wanted[name].flatten(), found[name].flatten(), dim=0)
        assert cosine > 0.999, name


def test_dropout_scales_and_only_when_training():
    model, ids, labels = random_model(dropout=0.25)
    model.eval()
    torch.testing.assert_close(
        fused.loss(model, ids, labels, torch.float32), reference(model, ids, labels)
    )
    model.train()
    mask = fused._dropout_mask(torch.empty(1000, 100), 0.25)
    assert mask.mean() == pytest.approx(1, abs=0.02)
    assert (mask == 0).float().mean() == pytest.approx(0.25, abs=0.02)
    torch.manual_seed(1)
    first = fused.loss(model, ids, labels, torch.float32)
    second = fused.loss(model, ids, labels, torch.float32)
    torch.manual_seed(1)
    assert fused.loss(model, ids, labels, torch.float32) == first
    assert first != second


@pytest.mark.parametrize("change", [{"activation": "relu"}, {"bias": True}])
def test_other_models_take_their_own_forward(change):
    model = built(**change)
    assert not fused.supports(model, "cpu")
    assert not fused.supports(built(), "cuda")
    # An adapter's weights stand beside those that are read here.
    adapted = get_peft_model(built(), LoraConfig(target_modules="all-linear"))
    assert not fused.supports(adapted, "cpu")
    assert fused.supports(built(), "cpu")


def test_a_model_that_checkpoints_activations_takes_its_own_forward():
    model = built()
    model.activation_checkpointing_enable({"use_reentrant": False})
    assert not fused.supports(model, "cpu")
