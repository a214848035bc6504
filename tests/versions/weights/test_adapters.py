"""An adapter against its base, against another adapter, and against whole weights."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from spoken import clauses
from weighted import WIDTH, Weights, llama

from stemma.errors import ModelError
from stemma.store.errors import MissingError
from stemma.store.naming import Folder, ModelOutput
from stemma.store.version import Tree, Version
from stemma.versions.differences.section import Section
from stemma.versions.differences.weights import compare

ADAPTED = [name for name in llama() if "proj" in name]


def factors(rank: int, seed: int = 5) -> Weights:
    torch.manual_seed(seed)
    made = {}
    for name in ADAPTED:
        module = f"base_model.model.{name.removesuffix('.weight')}"
        made[f"{module}.lora_A.weight"] = torch.randn(rank, WIDTH) * 0.05
        made[f"{module}.lora_B.weight"] = torch.randn(WIDTH, rank) * 0.05
    return made


def product(made: Weights, name: str, scale: float) -> torch.Tensor:
    module = f"base_model.model.{name.removesuffix('.weight')}"
    return scale * made[f"{module}.lora_B.weight"] @ made[f"{module}.lora_A.weight"]


def version(folder: Path, base: Weights | None, made: Weights, **config: object) -> Tree:
    (folder / "models/trained").mkdir(parents=True)
    save_file(made, folder / "models/trained/adapter_model.safetensors")
    config = {"peft_type": "LORA", "lora_alpha": 16, "r": 8, **config}
    (folder / "models/trained/adapter_config.json").write_text(json.dumps(config))
    if base is not None:
        (folder / "models/base").mkdir()
        save_file(base, folder / "models/base/model.safetensors")
    return Tree(folder)


def changes(a: Version, b: Version) -> tuple[Section, dict[str, dict]]:
    found = compare(a, b)
    assert found is not None
    return found, {fact["tensor"]: fact for fact in found.facts["changed"]}


def relative(change: torch.Tensor, before: torch.Tensor) -> object:
    return pytest.approx((change.norm() / before.norm()).item(), rel=1e-4)


def test_against_its_base_the_change_is_the_adapter(tmp_path: Path):
    base, made = llama(dtype=torch.bfloat16), factors(8)
    tree = version(tmp_path / "v", base, made)
    for sides in (
        (ModelOutput("base", tree, "models/base"), tree),
        (tree, ModelOutput("b", tree, "models/base")),
    ):
        found, facts = changes(*sides)
        assert "a change of rank 8 in 9 matrices: a LoRA" in clauses(found)
        assert sorted(facts) == sorted(ADAPTED)
        assert found.facts["same"] == len(base) - 9
        forwards = sides[1] is tree
        for name, fact in facts.items():
            change, before = product(made, name, 2), base[name].float()
            assert fact["relative"] == relative(change, before if forwards else before + change)
            assert fact["rank"] == 8
            assert fact["largest"] == pytest.approx(change.abs().max().item(), rel=1e-4)


def test_two_adapters_of_one_base_are_compared_as_products(tmp_path: Path):
    one, other = factors(8), factors(4, seed=6)
    gone = ADAPTED[0].removesuffix(".weight")
    other = {name: tensor for name, tensor in other.items() if gone not in name}
    ours = version(tmp_path / "a", llama(), one)
    theirs = version(tmp_path / "b", llama(), other, lora_alpha=32, use_rslora=True)
    found, facts = changes(ours, theirs)
    assert found.facts["adapters"]
    assert found.facts["removed"] == [ADAPTED[0]]
    assert clauses(found)[0].startswith("the adapters differ in 8 of 8 tensors")
    for name in ADAPTED[1:]:
        before, after = product(one, name, 2), product(other, name, 16)
        assert facts[name]["relative"] == relative(after - before, before)
        assert facts[name]["rank"] == 12
    # Their base need not be at hand.
    shutil.rmtree(tmp_path / "a/models/base")
    shutil.rmtree(tmp_path / "b/models/base")
    folders = Folder(tmp_path / "a/models/trained"), Folder(tmp_path / "b/models/trained")
    assert changes(*folders)[0].facts == found.facts


def test_an_adapter_against_whole_weights(tmp_path: Path):
    base, made = llama(), factors(8)
    tree = version(tmp_path / "v", base, made)
    other = {name: tensor.clone() for name, tensor in base.items()}
    other[ADAPTED[2]] *= 2
    (tmp_path / "whole").mkdir()
    save_file(other, tmp_path / "whole/model.safetensors")
    _, facts = changes(tree, Folder(tmp_path / "whole"))
    assert sorted(facts) == sorted(ADAPTED)
    for name, fact in facts.items():
        before = base[name] + product(made, name, 2)
        assert fact["relative"] == relative(other[name] - before, before)


def test_an_adapter_and_what_it_was_merged_to(tmp_path: Path):
    base, made = llama(dtype=torch.bfloat16), factors(8)
    tree = version(tmp_path / "v", base, made)
    merged = {
        name: (tensor.float() + product(made, name, 2)).bfloat16() if name in ADAPTED else tensor
        for name, tensor in base.items()
    }
    (tmp_path / "merged").mkdir()
    save_file(merged, tmp_path / "merged/model.safetensors")
    found, _ = changes(tree, Folder(tmp_path / "merged"))
    assert clauses(found) == ("9 tensors differ by no more than rounding",)


def test_a_module_that_an_adapter_brings_along(tmp_path: Path):
    tree = version(
        tmp_path / "v", llama(), factors(8) | {"base_model.model.score.weight": torch.ones(2, 3)}
    )
    found, _ = changes(ModelOutput("base", tree, "models/base"), tree)
    assert found.facts["added"] == ["score.weight"]


def test_without_its_base_an_adapter_is_not_compared_with_whole_weights(tmp_path: Path):
    version(tmp_path / "v", llama(), factors(8))
    lone = Folder(tmp_path / "v/models/trained")
    with pytest.raises(MissingError, match=r"is an adapter, and its base is not beside it"):
        compare(lone, Folder(tmp_path / "v/models/base"))


@pytest.mark.parametrize(
    ("change", "config", "reason"),
    [
        ({"base_model.model.x.lora_A.weight": torch.ones(2, 2)}, {}, "x has no pair of matrices"),
        ({"base_model.model.x.lora_magnitude_vector": torch.ones(2)}, {}, "kind of LoRA not known"),
        ({}, {"peft_type": "IA3"}, "only LoRA can be read"),
        ({}, {"use_dora": True}, "only LoRA can be read"),
        ({}, {"lora_alpha": None}, "is no configuration of an adapter"),
    ],
    ids=["half", "magnitude", "kind", "dora", "alpha"],
)
def test_adapters_that_cannot_be_read(tmp_path: Path, change: Weights, config: dict, reason: str):
    one = version(tmp_path / "a", None, factors(8) | change)
    other = version(tmp_path / "b", None, factors(4) | change, **config)
    with pytest.raises(ModelError, match=reason):
        compare(one, other)


def test_an_adapter_of_another_base(tmp_path: Path):
    base = llama()
    tree = version(tmp_path / "v", base, factors(8))
    del base[ADAPTED[0]]
    (tmp_path / "other").mkdir()
    save_file(base, tmp_path / "v/models/base/model.safetensors")
    save_file(llama(), tmp_path / "other/model.safetensors")
    with pytest.raises(ModelError, match=rf"the adapter changes '{ADAPTED[0]}', the base has none"):
        compare(tree, Folder(tmp_path / "other"))


def test_gpt2_has_its_matrices_transposed(tmp_path: Path):
    """What PEFT itself merges is the reference."""
    from peft import LoraConfig, get_peft_model
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(n_layer=1, n_embd=32, n_head=2, vocab_size=50, n_positions=8)
    net = GPT2LMHeadModel(config)
    (tmp_path / "v/models").mkdir(parents=True)
    net.save_pretrained(tmp_path / "v/models/base")
    lora = LoraConfig(r=4, target_modules=["c_attn", "c_proj", "wte"], init_lora_weights=False)
    model = get_peft_model(net, lora)
    model.save_pretrained(str(tmp_path / "v/models/trained"), save_embedding_layers=False)
    model.merge_and_unload().save_pretrained(tmp_path / "merged")
    tree = Tree(tmp_path / "v")
    _, facts = changes(ModelOutput("base", tree, "models/base"), tree)
    assert {fact["rank"] for fact in facts.values()} == {4}
    assert len(facts) == 4
    found, facts = changes(tree, Folder(tmp_path / "merged"))
    assert facts == {}
    assert found.facts["same"] == len(list(net.state_dict())) - 1  # the head is the embedding
