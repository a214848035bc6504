"""The tensors of safetensors files, read in pieces: no torch, and never a whole tensor in memory.

The format: eight bytes with the length of a JSON header, the header, the numbers.
https://huggingface.co/docs/safetensors
"""

import contextlib
import dataclasses
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stemma import lfs
from stemma.errors import ModelError

SUFFIX = ".safetensors"
_LONGEST = 100_000_000  # bytes of a header, as the library has it
_TORN = "type `dvc checkout` to restore the file, or `stemma fsck` to see what is lost"

# Numbers that single precision holds exactly are given in it, all others in double precision.
_TYPES: dict[str, tuple[str, type]] = {
    **{"F64": ("<f8", np.float64), "F32": ("<f4", np.float32), "F16": ("<f2", np.float32)},
    **{"BF16": ("<u2", np.float32), "F8_E5M2": ("<u1", np.float32), "F8_E4M3": ("<u1", np.float32)},
    **{"I64": ("<i8", np.float64), "I32": ("<i4", np.float64), "I16": ("<i2", np.float32)},
    **{"U64": ("<u8", np.float64), "U32": ("<u4", np.float64), "U16": ("<u2", np.float32)},
    **{"I8": ("<i1", np.float32), "U8": ("<u1", np.float32), "BOOL": ("<u1", np.float32)},
}

Read = Callable[[int, int], NDArray[Any]]
"""Gives numbers [start, stop) of a flattened tensor, in an array that the next call overwrites."""


class Tensor(Protocol):
    """Numbers that are read in pieces."""

    @property
    def dtype(self) -> str:
        """As safetensors calls it."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, outermost first."""
        ...

    def open(self, most: int) -> contextlib.AbstractContextManager[Read]:
        """Give a reader of pieces of at most ``most`` numbers, for one thread.

        Raises:
            ModelError: numbers of this type are not known here.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Stored:
    """A tensor in a file.

    Attributes:
        file: what the file is called in errors.
        first: of the file, the byte at which its numbers begin.
        length: bytes of its numbers.
    """

    name: str
    path: Path
    file: str
    dtype: str
    shape: tuple[int, ...]
    first: int
    length: int

    @contextlib.contextmanager
    def open(self, most: int) -> Iterator[Read]:  # noqa: D102 (as Tensor)
        if not is_known(self):
            raise ModelError(
                f"{self.file}: '{self.name}' has numbers of type {self.dtype}, which are not known "
                "here",
                "store it in one of " + ", ".join(_TYPES),
            )
        kind, work = _TYPES[self.dtype]
        width, out = np.dtype(kind).itemsize, np.empty(most, work)
        raw = np.empty(most, kind)
        with self.path.open("rb", buffering=0) as handle:

            def read(start: int, stop: int) -> NDArray[Any]:
                piece = raw[: stop - start]
                handle.seek(self.first + start * width)
                if handle.readinto(piece.view(np.uint8).data) != piece.nbytes:
                    raise self._cut_off()
                return decode(piece, self.dtype, out[: stop - start])

            yield read

    def chunks(self, most: int) -> Generator[bytearray]:
        """Yield its bytes in order, whatever the type of the numbers that they are.

        Args:
            most: bytes in a chunk, which the next one overwrites; all but the last have so many.

        Raises:
            ModelError: the file is torn.
        """
        chunk = bytearray(min(most, self.length))
        with self.path.open("rb", buffering=0) as handle:
            handle.seek(self.first)
            for start in range(0, self.length, most):
                del chunk[self.length - start :]
                if handle.readinto(chunk) != len(chunk):
                    raise self._cut_off()
                yield chunk

    def _cut_off(self) -> ModelError:
        return _torn(self.file, f"it ends within '{self.name}'")


def is_known(tensor: Tensor) -> bool:
    """Say whether the numbers of a tensor can be read; if not, bytes are all that there is."""
    return tensor.dtype in _TYPES


def decode(raw: NDArray[Any], dtype: str, out: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as they are stored as floats of numpy, exactly, in ``out``."""
    if dtype == "BF16":  # the upper half of a float32
        bits = out.view(np.uint32)
        bits[...] = raw
        np.left_shift(bits, 16, out=bits)
    elif dtype == "F8_E5M2":  # the upper half of a float16
        out[...] = (raw.astype(np.uint16) << 8).view(np.float16)
    elif dtype == "F8_E4M3":  # the same with another bias, no infinity and one NaN
        low = raw.astype(np.uint16)
        out[...] = (((low & 0x80) << 8) | ((low & 0x7F) << 7)).view(np.float16)
        out *= 256
        out[(raw & 0x7F) == 0x7F] = np.nan
    else:
        out[...] = raw
    return out


def read_header(path: Path, file: str) -> dict[str, Stored]:
    """Return the tensors of a safetensors file by name.

    Args:
        path: the file.
        file: what it is called in errors.

    Raises:
        ModelError: it is torn, a pointer of Git LFS, or no such file.
    """
    lfs.refuse_file(path, ModelError, file)
    size = path.stat().st_size
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST):
            raise _torn(file, f"its header would be {length} bytes long, and it has {size} in all")
        text = handle.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_without_twins)
        header.pop("__metadata__", None)
        found = {
            name: _checked(name, facts, path, file, 8 + length, size)
            for name, facts in sorted(header.items())
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _torn(file, f"its header cannot be read ({error!r})") from error
    _refuse_overlaps(found.values(), file)
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"'{name}' stands there twice")
    return found


def _checked(
    name: str, facts: dict[str, Any], path: Path, file: str, first: int, size: int
) -> Stored:
    dtype, shape, (start, stop) = facts["dtype"], facts["shape"], facts["data_offsets"]
    if not isinstance(dtype, str) or not all(map(_is_count, (*shape, start, stop))):
        raise _torn(file, f"'{name}' has no type, or a size or a place that is no whole number")
    if stop < start:
        raise _torn(file, f"'{name}' ends before it begins")
    if first + stop > size:
        raise _torn(file, f"it ends within '{name}'")
    stored = Stored(name, path, file, dtype, tuple(shape), first + start, stop - start)
    # How many bits a number of another type has is not known.
    if is_known(stored) and stored.length != math.prod(shape) * np.dtype(_TYPES[dtype][0]).itemsize:
        raise _torn(file, f"'{name}' has another size than its shape and type say")
    return stored


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _refuse_overlaps(tensors: Iterable[Stored], file: str) -> None:
    placed = sorted((one for one in tensors if one.length), key=lambda one: one.first)
    for one, other in itertools.pairwise(placed):
        if other.first < one.first + one.length:
            raise _torn(file, f"'{one.name}' and '{other.name}' lie over each other")


def _torn(file: str, reason: str) -> ModelError:
    return ModelError(f"{file} is torn or no safetensors file: {reason}", _TORN)
