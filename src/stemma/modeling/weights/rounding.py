"""Round a file of weights to another type, a piece at a time: no tensor is ever whole in memory."""

import json
import math
from pathlib import Path
from typing import Any

from stemma.modeling.weights.tensors import Stored, read_header

_PIECE = 2**22  # bytes of the source
# What safetensors calls torch's floating-point types. All others keep their bytes.
_FLOATS = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"},
    **{"F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn"},
}
# The library places the widest types first, so that all numbers are aligned.
_ORDER = (
    *("U64", "I64", "F64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16"),
    *("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"),
)


def round_file(source: Path, target: Path, dtype: str) -> None:
    """Write the tensors of a safetensors file into another, as the library's ``save_file`` does.

    Args:
        source: the file.
        target: is written.
        dtype: as safetensors calls it; numbers of other floating-point types are rounded to it.

    Raises:
        ModelError: the file is torn.
    """
    tensors = read_header(source, source.as_posix()).values()
    kinds = {one.name: dtype if one.dtype in _FLOATS else one.dtype for one in tensors}
    ordered = sorted(tensors, key=lambda one: (_rank(kinds[one.name]), one.name))
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for one in ordered:
        size = _size(one, kinds[one.name])
        entry = {"dtype": kinds[one.name], "shape": one.shape, "data_offsets": [at, at + size]}
        header[one.name], at = entry, at + size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        for one in ordered:
            for chunk in one.chunks(_PIECE):
                handle.write(chunk if one.dtype == kinds[one.name] else _rounded(chunk, one, dtype))


def _rank(dtype: str) -> int:
    return _ORDER.index(dtype) if dtype in _ORDER else len(_ORDER)


def _size(tensor: Stored, dtype: str) -> int:
    if dtype == tensor.dtype:
        return tensor.length
    return math.prod(tensor.shape) * _kind(dtype).itemsize


def _rounded(chunk: bytearray, tensor: Stored, dtype: str) -> memoryview:
    import torch

    numbers = torch.frombuffer(chunk, dtype=_kind(tensor.dtype)).to(_kind(dtype))
    return numbers.view(torch.uint8).numpy().data


def _kind(dtype: str) -> Any:
    # It takes a second to import, and numpy has no bfloat16.
    import torch

    return getattr(torch, _FLOATS[dtype])
