"""Files that are no weights: one clear line each."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from weighted import llama, saved, sharded

from stemma.errors import ModelError
from stemma.pages.blocks import Heatmap, Table
from stemma.store.naming import Folder
from stemma.versions.differences.section import Section
from stemma.versions.differences.weights import compare


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its header would be 0 bytes long, and it has 0 in all"),
        (b"<html>not found</html>", "its header would be"),
        ((10**7).to_bytes(8, "little") + b"{}", "its header would be 10000000 bytes long"),
        ((5).to_bytes(8, "little") + b"{nope", "its header cannot be read"),
        ((2).to_bytes(8, "little") + b"[]", "its header cannot be read"),
    ],
    ids=["empty", "page", "length", "json", "list"],
)
def test_garbage_is_one_clear_line(tmp_path: Path, content: bytes, reason: str):
    one, other = saved(tmp_path / "a", llama()), saved(tmp_path / "b", llama(1))
    (tmp_path / "b/model.safetensors").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        compare(one, other)
    said = f"model.safetensors of {other.name} is torn or no safetensors file: {reason}"
    assert caught.value.message.startswith(said)
    assert "\n" not in str(caught.value)


def test_a_file_that_ends_too_early(tmp_path: Path):
    one, other = saved(tmp_path / "a", llama()), saved(tmp_path / "b", llama(1))
    file = tmp_path / "b/model.safetensors"
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(ModelError, match="it ends within 'model"):
        compare(one, other)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}, "'w' has another size"),
        ({"dtype": "F32", "shape": [2]}, "cannot be read"),
        ({"dtype": "F4", "shape": 2, "data_offsets": [0, 8]}, "cannot be read"),
    ],
    ids=["size", "offsets", "type"],
)
def test_a_header_that_does_not_fit(tmp_path: Path, facts: dict, reason: str):
    one, other = saved(tmp_path / "a", llama()), saved(tmp_path / "b", llama(1))
    header = json.dumps({"w": facts}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(8)
    (tmp_path / "b/model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=reason):
        compare(one, other)


def test_an_index_that_names_what_is_not_there(tmp_path: Path):
    one, other = saved(tmp_path / "a", llama()), sharded(tmp_path / "b", llama())
    (tmp_path / "b/0.safetensors").rename(tmp_path / "b/other.bin")
    with pytest.raises(ModelError, match=r"places 'model.embed_tokens.weight' in 0.safetensors"):
        compare(one, other)
    (tmp_path / "b/1.safetensors").rename(tmp_path / "b/0.safetensors")
    (tmp_path / "b/2.safetensors").rename(tmp_path / "b/1.safetensors")
    save_file({"x": torch.ones(1)}, tmp_path / "b/2.safetensors")
    with pytest.raises(ModelError, match=r"has no 'model.embed_tokens.weight', as model"):
        compare(one, Folder(tmp_path / "b"))
    (tmp_path / "b/model.safetensors.index.json").write_text("{}")
    with pytest.raises(ModelError, match="is no index"):
        compare(one, Folder(tmp_path / "b"))


def raw(folder: Path, header: bytes, numbers: bytes) -> Folder:
    """Lay out a model whose file has any header."""
    folder.mkdir()
    content = len(header).to_bytes(8, "little") + header + numbers
    (folder / "model.safetensors").write_bytes(content)
    return Folder(folder)


def entry(dtype: str, shape: list, start: int, stop: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


HEADERS = {
    "fraction": ({"w": entry("F32", [2.0], 0, 8)}, "no whole number"),
    "negative shape": ({"w": entry("F32", [-1, -2], 0, 8)}, "no whole number"),
    "negative place": ({"w": entry("F32", [2], -8, 0)}, "no whole number"),
    "backwards": ({"w": entry("F4", [2], 8, 0)}, "'w' ends before it begins"),
    "true": ({"w": entry("F32", [True, 2], 0, 8)}, "no whole number"),
    "no type": ({"w": {**entry("F32", [2], 0, 8), "dtype": ["F32"]}}, "has no type"),
    "overflow": ({"w": entry("F32", [2**40, 2**40], 0, 8)}, "'w' has another size"),
    "overlap": (
        {"v": entry("F32", [2], 0, 8), "w": entry("F16", [2], 4, 8)},
        "'v' and 'w' lie over each other",
    ),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_no_library_would_write(tmp_path: Path, case: str):
    header, reason = HEADERS[case]
    one = raw(tmp_path / "a", json.dumps(header).encode(), bytes(8))
    with pytest.raises(ModelError, match=reason):
        compare(one, saved(tmp_path / "b", llama()))


@pytest.mark.parametrize("text", ["[" * 200_000 + "]" * 200_000, '{"x": 1, "x": 2}'])
def test_a_header_that_is_deep_or_has_a_name_twice(tmp_path: Path, text: str):
    one = raw(tmp_path / "a", f'{{"w": {text}}}'.encode(), b"")
    with pytest.raises(ModelError, match="its header cannot be read") as caught:
        compare(one, saved(tmp_path / "b", llama()))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("dtype", ["F8_E8M0", "F4", "F6_E2M3", "C64", "F8_E4M3FNUZ", "NEW_7"])
def test_numbers_of_an_unknown_type_are_compared_as_bytes(tmp_path: Path, dtype: str):
    header = {
        "w": entry("F32", [2], 0, 8), "same": entry(dtype, [4], 8, 12),
        "scale": entry(dtype, [4], 12, 16),
    }  # fmt: skip
    text = json.dumps(header).encode()
    one = raw(tmp_path / "a", text, bytes(16))
    found = compare(one, raw(tmp_path / "b", text, bytes(7) + b"\x40" + bytes(4) + b"1234"))
    assert isinstance(found, Section)
    assert found.facts["not_compared"] == {"scale": [dtype, dtype]}
    assert [one["tensor"] for one in found.facts["changed"]] == ["w"]
    assert found.facts["same"] == 1
    assert f"cannot be compared as numbers, of type {dtype}: scale" in str(found.words)
    (others,) = (one for one in found.blocks if isinstance(one, Table) and "Other" in one.title)
    assert others.rows[0][0] == "scale"


def test_what_is_no_number_any_more_is_no_change_of_nothing(tmp_path: Path):
    before = {"a": torch.ones(4), "b": torch.ones(4)}
    one = saved(tmp_path / "a", before)
    found = compare(one, saved(tmp_path / "b", before | {"a": before["a"] * float("nan")}))
    assert isinstance(found, Section)
    (fact,) = found.facts["changed"]
    assert (fact["tensor"], fact["relative"], fact["changed"]) == ("a", None, 1)
    assert fact["broken"] == [0, 4] and "relative change 0" not in str(found.words)
    assert "4 weights of a are no number" in str(found.words)
    (heatmap,) = (block for block in found.blocks if isinstance(block, Heatmap))
    assert "NaN" in str(heatmap.texts())
