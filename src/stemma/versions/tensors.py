"""How far two safetensors files are apart, tensor by tensor."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SUFFIX = ".safetensors"
_CHUNK = 2**22  # numbers


@dataclasses.dataclass(frozen=True)
class Distance:
    """Between the tensors of a version and those of its rebuild.

    Attributes:
        first: the first tensor, by file and name, that is not the same.
        largest: the largest absolute difference of two weights.
        where: the tensor that has it.
        relative: the largest, over tensors, of ‖a - b‖ / ‖a‖ (Euclidean); infinite if a shape, a
            type or the set of names differs, or a weight is no number.
    """

    first: str
    largest: float
    where: str
    relative: float


def distance(ours: Mapping[str, Path], theirs: Mapping[str, Path]) -> Distance | None:
    """Compare the safetensors files of two folders; None if all tensors are the same.

    One chunk of one tensor is held as float64 at a time.

    Args:
        ours: files by path in the folder, of the version.
        theirs: the same, of its rebuild.
    """
    found: Distance | None = None
    for file in sorted({*ours, *theirs}):
        if not file.endswith(SUFFIX):
            continue
        if file not in ours or file not in theirs:
            found = _wider(found, file, float("inf"), float("inf"))
            continue
        for tensor, largest, relative in _differences(ours[file], theirs[file]):
            found = _wider(found, f"{tensor} ({file})", largest, relative)
    return found


def _differences(ours: Path, theirs: Path) -> Iterator[tuple[str, float, float]]:
    from safetensors import safe_open

    with safe_open(ours, "pt") as one, safe_open(theirs, "pt") as other:
        names, others = set(one.keys()), set(other.keys())
        for name in sorted(names | others):
            if name not in names or name not in others:
                yield name, float("inf"), float("inf")
                continue
            a, b = one.get_tensor(name), other.get_tensor(name)
            if a.shape != b.shape or a.dtype != b.dtype:
                yield name, float("inf"), float("inf")
            elif (apart := _apart(a, b))[0]:
                yield name, *apart


def _apart(a: Any, b: Any) -> tuple[float, float]:
    import torch

    largest = squares = norm = 0.0
    pairs = zip(a.flatten().split(_CHUNK), b.flatten().split(_CHUNK), strict=True)
    for one, other in pairs:
        one, other = one.double(), other.double()
        difference = torch.nan_to_num(one - other, nan=float("inf")).abs()
        largest = max(largest, difference.max().item())
        squares += difference.square().sum().item()
        norm += one.square().sum().item()
    return largest, (squares / norm) ** 0.5 if norm else squares and float("inf")


def _wider(found: Distance | None, name: str, largest: float, relative: float) -> Distance:
    if found is None:
        return Distance(name, largest, name, relative)
    where = name if largest > found.largest else found.where
    return Distance(found.first, max(largest, found.largest), where, max(relative, found.relative))
