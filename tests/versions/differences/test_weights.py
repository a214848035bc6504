"""Known changes to small models, and exactly those are told."""

import math
import os
import tracemalloc
from pathlib import Path

import pytest
import torch
from spoken import clauses
from weighted import WIDTH, llama, saved, section, sharded, stirred, with_lora

from stemma.pages.blocks import Heatmap, Table
from stemma.store.naming import Folder
from stemma.versions.differences.section import Alike
from stemma.versions.differences.weights import compare
from stemma.versions.weights.change import CHUNK


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_figures_are_those_of_whole_tensors(tmp_path: Path, dtype: torch.dtype):
    one = {"w": torch.randn(CHUNK // 64 + 3, 192).to(dtype), "b": torch.randn(5).to(dtype)}
    one["w"][:7] = 0
    other = stirred(one, "")
    found = section(tmp_path, one, other).facts["changed"]
    assert {fact["tensor"] for fact in found} == {"w", "b"}
    for fact in found:
        a, b = one[fact["tensor"]].double(), other[fact["tensor"]].double()
        cosine = (a.flatten() @ b.flatten() / a.norm() / b.norm()).item()
        assert fact["relative"] == pytest.approx(((b - a).norm() / a.norm()).item(), rel=1e-5)
        assert 1 - fact["cosine"] == pytest.approx(1 - cosine, rel=1e-3)
        assert fact["changed"] == (a != b).sum().item() / a.numel()
        assert fact["largest"] == pytest.approx((b - a).abs().max().item(), rel=1e-6)
        assert fact["broken"] == [0, 0]


def test_the_same_files_are_not_even_read(tmp_path: Path):
    weights = saved(tmp_path / "a", llama())

    class Unread(Folder):
        def path(self, output: str, file: str) -> Path:
            raise AssertionError(file)

    assert compare(Unread(tmp_path / "a"), weights) is Alike.EQUAL


def test_one_changed_layer_is_that_layer_and_nothing_else(tmp_path: Path):
    one = llama()
    found = section(tmp_path, one, stirred(one, "layers.1."))
    relative = found.facts["relative"]
    assert clauses(found)[0] == f"only layer 1 changed (relative change {relative:.2g})"
    assert {fact["layer"] for fact in found.facts["changed"]} == {"1"}
    assert found.facts["same"] == len(one) - 4
    (heatmap,) = (block for block in found.blocks if isinstance(block, Heatmap))
    assert heatmap.rows == ("outside", "0", "1", "2")
    assert heatmap.columns == ("embedding", "query", "attention output", "mlp", "norm")
    assert heatmap.values[0] == (0.0, None, None, None, None)
    for row, value in zip(heatmap.rows[1:], heatmap.values[1:], strict=True):
        assert [v and round(v, 2) for v in value] == [
            None,
            *[0.01 if row == "1" else 0.0] * 4,
        ]


def test_the_layers_that_changed_most_are_named(tmp_path: Path):
    one = llama()
    other = stirred(stirred(one, "", 0.001), "layers.2.", 0.1)
    words = clauses(section(tmp_path, one, other))
    assert words[0].startswith("every tensor changed")
    assert words[1] == "layer 2 most (0.096)"


@pytest.mark.parametrize("rank", [1, 4, 16, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_lora_is_told_with_its_rank(tmp_path: Path, rank: int, dtype: torch.dtype):
    one = llama(dtype=dtype)
    found = section(tmp_path, one, with_lora(one, rank, 0.1))
    assert f"a change of rank {rank} in 9 matrices: a LoRA" in clauses(found)
    assert {fact["rank"] for fact in found.facts["changed"]} == {rank}


def test_a_full_change_has_full_rank(tmp_path: Path):
    one = llama()
    found = section(tmp_path, one, stirred(one, "proj"))
    assert "of full rank: 64 directions of a matrix hold less than 99 % of its change" in clauses(
        found
    )
    assert {fact["rank"] for fact in found.facts["changed"]} == {None}


def test_a_small_full_change_in_coarse_numbers_is_no_lora(tmp_path: Path):
    one = llama(dtype=torch.bfloat16)
    found = section(tmp_path, one, stirred(one, "proj", 0.001))
    assert "LoRA" not in str(clauses(found))
    assert "rounding" not in str(clauses(found))


def test_an_edited_row_is_no_lora(tmp_path: Path):
    one = llama()
    other = {name: tensor.clone() for name, tensor in one.items()}
    other["model.embed_tokens.weight"][7] += 1
    found = section(tmp_path, one, other)
    assert clauses(found)[0].startswith("only model.embed_tokens.weight changed")
    assert "LoRA" not in str(clauses(found))
    (fact,) = found.facts["changed"]
    assert (fact["rank"], fact["changed"]) == (1, 1 / 300)


@pytest.mark.parametrize("shape", [(60, 50), (400, 150), (150, 400)])
def test_directions_that_hold_the_change_are_those_of_the_svd(tmp_path: Path, shape):
    torch.manual_seed(3)
    left, right = (torch.linalg.qr(torch.randn(size, 20))[0] for size in shape)
    change = left * torch.logspace(0, -2, 20) @ right.T
    found = section(tmp_path, {"w": torch.zeros(shape)}, {"w": change})
    energy = torch.cumsum(torch.linalg.svdvals(change.double()) ** 2, 0)
    exact = 1 + int((energy < 0.99 * energy[-1]).sum())
    (fact,) = found.facts["changed"]
    assert fact["rank_of_99_percent"] == exact
    assert fact["relative"] is None  # from zero


def test_no_numbers_come_first(tmp_path: Path):
    one = llama()
    other = {name: tensor.clone() for name, tensor in one.items()}
    name = "model.layers.0.mlp.up_proj.weight"
    other[name][3, 4:6] = torch.tensor([math.nan, math.inf])
    other[name][0, 0] += 2
    found = section(tmp_path, one, other)
    assert clauses(found)[0] == f"2 weights of {name} are no number (NaN or infinite)"
    (fact,) = found.facts["changed"]
    assert fact["broken"] == [0, 2]
    assert fact["largest"] == pytest.approx(2, rel=1e-6)
    assert fact["changed"] == 3 / WIDTH**2


def test_a_zero_with_another_sign_is_the_same_number(tmp_path: Path):
    found = section(tmp_path, {"w": torch.zeros(4)}, {"w": -torch.zeros(4)})
    assert clauses(found) == ("the same numbers in other files",)


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_numbers_whose_squares_leave_single_precision(tmp_path: Path, scale: float):
    one = {"w": torch.full((64, 64), scale)}
    found = section(tmp_path, one, {"w": one["w"] * 1.5})
    assert found.facts["changed"][0]["relative"] == pytest.approx(0.5, rel=1e-6)


def test_new_missing_reshaped_and_retyped_tensors(tmp_path: Path):
    one = llama()
    other = one | {"lm_head.weight": torch.ones(300, WIDTH)}
    del other["model.layers.0.mlp.up_proj.weight"]
    other["model.embed_tokens.weight"] = torch.ones(301, WIDTH)
    other["model.layers.1.mlp.up_proj.weight"] = one["model.layers.1.mlp.up_proj.weight"].double()
    found = section(tmp_path, one, other)
    assert clauses(found) == (
        "1 tensor is new: lm_head.weight",
        "1 tensor is gone: model.layers.0.mlp.up_proj.weight",
        "1 tensor has another shape: model.embed_tokens.weight",
        "1 tensor stored as F64 instead of F32, with the same numbers",
    )
    assert found.facts["changed"] == []
    assert found.facts["shapes"] == {"model.embed_tokens.weight": [[300, WIDTH], [301, WIDTH]]}
    (table,) = (block for block in found.blocks if isinstance(block, Table))
    assert ("model.embed_tokens.weight", "300 × 160 is now 301 × 160") in table.rows


def test_rounding_to_a_coarser_type_is_called_that(tmp_path: Path):
    one = stirred(llama(), "")
    found = section(tmp_path, one, {name: x.bfloat16() for name, x in one.items()})
    assert clauses(found)[0] == f"{len(one)} tensors differ by no more than rounding"


def test_a_side_without_weights(tmp_path: Path):
    (tmp_path / "none").mkdir()
    some, none = saved(tmp_path / "a", llama()), Folder(tmp_path / "none")
    found = compare(some, none)
    assert not isinstance(found, Alike)
    assert found.words == (f"{none.name} has no weights.",)
    assert compare(none, none) is Alike.ABSENT


def test_other_files_with_the_same_weights(tmp_path: Path):
    one = llama()
    found = compare(saved(tmp_path / "a", one), sharded(tmp_path / "b", one))
    assert not isinstance(found, Alike)
    assert clauses(found) == ("the same numbers in other files",)


def test_of_files_only_those_that_differ_are_read(tmp_path: Path):
    one = llama()
    other = stirred(one, "layers.2.mlp")
    ours = sharded(tmp_path / "a", one)
    (changed,) = (index for index, name in enumerate(one) if "layers.2.mlp" in name)

    class Sparing(Folder):
        def path(self, output: str, file: str) -> Path:
            assert file in (f"{changed}.safetensors", "model.safetensors.index.json")
            return super().path(output, file)

    sharded(tmp_path / "b", other)
    found = compare(ours, Sparing(tmp_path / "b"))
    assert not isinstance(found, Alike)
    assert clauses(found)[0].startswith("only layer 2 changed")


def test_memory_is_bounded_by_a_piece_and_not_by_a_tensor(tmp_path: Path):
    rows = 2**24 // 256
    one = {"w": torch.zeros(rows, 256, dtype=torch.bfloat16), "v": torch.zeros(2**24)}
    one["w"][:, 3] = 1
    other = {name: tensor + 1 for name, tensor in one.items()}
    sides = saved(tmp_path / "a", one), saved(tmp_path / "b", other)
    tracemalloc.start()
    found = compare(*sides)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not isinstance(found, Alike)
    assert found.facts["changed"][1]["largest"] == 1
    assert peak < 2**23 * len(os.sched_getaffinity(0))  # the tensors are 32 and 64 MiB each


def test_the_number_of_threads_changes_nothing(tmp_path: Path):
    one = llama()
    sides = saved(tmp_path / "a", one), saved(tmp_path / "b", with_lora(one, 4, 0.1))
    cores = os.sched_getaffinity(0)
    found = compare(*sides)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert compare(*sides) == found
    finally:
        os.sched_setaffinity(0, cores)


@pytest.mark.parametrize("shape", [(), (0,), (0, 4), (4, 0), (1, 5), (5, 1), (2, 2, 2)])
def test_tensors_of_any_shape(tmp_path: Path, shape: tuple[int, ...]):
    one = {"w": torch.ones(shape), "x": torch.ones(1)}
    found = section(tmp_path, one, {name: tensor * 2 for name, tensor in one.items()})
    changes = {fact["tensor"]: fact["relative"] for fact in found.facts["changed"]}
    assert changes == ({"w": 1, "x": 1} if math.prod(shape) else {"x": 1})


def test_a_difference_beyond_single_precision(tmp_path: Path):
    found = section(tmp_path, {"w": torch.full((4,), -3e38)}, {"w": torch.full((4,), 3e38)})
    assert found.facts["changed"][0]["largest"] == pytest.approx(6e38, rel=1e-6)
