"""The distance of the weights of a version from those of its rebuild, as verify tells it."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from stemma.modeling.weights.tensors import SUFFIX, is_known, read_header
from stemma.versions.weights.change import Pair, is_same, measure


@dataclasses.dataclass(frozen=True)
class Distance:
    """How far the tensors of a rebuild are from those of the version.

    Attributes:
        first: the first tensor that differs, in the order of files and names.
        largest: the largest absolute difference of two weights.
        where: the tensor that has this largest difference.
        relative: the largest ‖a - b‖ / ‖a‖ (Euclidean) of a tensor; infinite if a shape, a type or
            the set of names differs, or if a weight is NaN or infinite or of an unknown type.
    """

    first: str
    largest: float
    where: str
    relative: float


def distance(ours: Mapping[str, Path], theirs: Mapping[str, Path]) -> Distance | None:
    """Compare the safetensors files of two folders; return None if all tensors are the same.

    Args:
        ours: files of the version by their path in the folder.
        theirs: files of its rebuild.

    Raises:
        ModelError: a file is torn.
    """
    found: Distance | None = None
    for file in sorted({*ours, *theirs}):
        if not file.endswith(SUFFIX):
            continue
        if file not in ours or file not in theirs:
            found = _wider(found, file, float("inf"), float("inf"))
            continue
        for tensor, largest, relative in _differences(ours[file], theirs[file], file):
            found = _wider(found, f"{tensor} ({file})", largest, relative)
    return found


def _differences(ours: Path, theirs: Path, file: str) -> Iterator[tuple[str, float, float]]:
    one, other = read_header(ours, file), read_header(theirs, f"{file} of the rebuild")
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if a is None or b is None or (a.shape, a.dtype) != (b.shape, b.dtype):
            yield name, float("inf"), float("inf")
        elif is_same(a, b):
            continue
        elif not is_known(a):
            yield name, float("inf"), float("inf")
        else:
            change = measure(Pair(a, b))
            if any(change.broken):
                yield name, float("inf"), float("inf")
            elif change.changed:
                relative = change.relative
                yield name, change.largest, float("inf") if relative is None else relative


def _wider(found: Distance | None, name: str, largest: float, relative: float) -> Distance:
    if found is None:
        return Distance(name, largest, name, relative)
    where = name if largest > found.largest else found.where
    return Distance(found.first, max(largest, found.largest), where, max(relative, found.relative))
