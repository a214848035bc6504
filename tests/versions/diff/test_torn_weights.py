"""Files that are no weights: one clear line each."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stemma.errors import ModelError
from stemma.versions.diff.weights import compare
from stemma.versions.version import Folder
from weighted import llama, saved, sharded


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
        ({"dtype": "F4", "shape": [2], "data_offsets": [0, 8]}, "'w' has numbers of type F4"),
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
