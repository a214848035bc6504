"""Numbers of every type, exactly as they are stored."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from stemma.modeling.weights.tensors import read_header


def test_numbers_are_read_bit_by_bit(tmp_path: Path):
    kinds = {
        torch.bfloat16: 2**16,
        torch.float16: 2**16,
        torch.float8_e4m3fn: 2**8,
        torch.float8_e5m2: 2**8,
        torch.int8: 2**8,
        torch.uint8: 2**8,
    }
    patterns = {
        kind: torch.arange(count, dtype=torch.int32)
        .to(torch.uint8 if count == 2**8 else torch.uint16)
        .view(kind)
        for kind, count in kinds.items()
    }
    save_file({str(kind): x.contiguous() for kind, x in patterns.items()}, tmp_path / "x")
    stored = read_header(tmp_path / "x", "x")
    for kind, count in kinds.items():
        with stored[str(kind)].open(count) as read:
            ours = read(0, count).copy()
            assert np.array_equal(read(count // 2, count), ours[count // 2 :], equal_nan=True)
        theirs = patterns[kind].float().numpy()
        assert ours.dtype == np.float32
        fine = ~np.isnan(theirs)
        assert (np.isnan(ours) == ~fine).all()
        assert (ours.view(np.uint32)[fine] == theirs.view(np.uint32)[fine]).all(), kind
