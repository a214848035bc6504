"""A file that is rounded piece by piece has the bytes that the library would write."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stemma.modeling.weights import rounding
from stemma.modeling.weights.rounding import round_file

KINDS = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn),
    *(torch.float8_e5m2, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
    *(torch.bool, torch.uint16, torch.uint32, torch.uint64),
]


@pytest.mark.parametrize(("dtype", "kind"), [("F32", torch.float32), ("BF16", torch.bfloat16)])
def test_it_writes_what_the_library_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, kind: torch.dtype
):
    monkeypatch.setattr(rounding, "_PIECE", 64)
    torch.manual_seed(0)
    numbers = torch.randn(7, 13) * torch.logspace(-40, 38, 13)
    # Of NaN torch gives one of two patterns, by where it stands in the tensor.
    numbers[0, :2] = torch.tensor([float("inf"), -0.0])
    tensors = {f"{name}.{one}": numbers.to(one, copy=True) for one in KINDS for name in ("z", "ä")}
    tensors |= {"empty": torch.zeros(0, 4), "single": torch.tensor(1.5)}
    save_file(tensors, tmp_path / "source")
    round_file(tmp_path / "source", tmp_path / "ours", dtype)
    rounded = {
        name: tensor.to(kind) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(tmp_path / "source").items()
    }
    save_file(rounded, tmp_path / "theirs", {"format": "pt"})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
