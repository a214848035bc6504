"""The tensors of safetensors files, read in pieces: no torch, and never a whole tensor in memory.

The format: eight bytes with the length of a JSON header, the header, the numbers.
https://huggingface.co/docs/safetensors
"""

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable, Iterator
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
        """Give a reader of pieces of at most ``most`` numbers, for one thread."""
        ...


@dataclasses.dataclass(frozen=True)
class Stored:
    """A tensor in a file.

    Attributes:
        file: what the file is called in errors.
        first: of the file, the byte at which its numbers begin.
    """

    name: str
    path: Path
    file: str
    dtype: str
    shape: tuple[int, ...]
    first: int

    @contextlib.contextmanager
    def open(self, most: int) -> Iterator[Read]:  # noqa: D102 (as Tensor)
        kind, work = _TYPES[self.dtype]
        out = np.empty(most, work)
        with self.open_raw(most) as read:
            yield lambda start, stop: decode(
                read(start, stop).view(kind), self.dtype, out[: stop - start]
            )

    @contextlib.contextmanager
    def open_raw(self, most: int) -> Iterator[Read]:
        """Give a reader of the bytes of numbers."""
        width = np.dtype(_TYPES[self.dtype][0]).itemsize
        raw = np.empty(most * width, np.uint8)
        with self.path.open("rb", buffering=0) as handle:

            def read(start: int, stop: int) -> NDArray[np.uint8]:
                piece = raw[: (stop - start) * width]
                handle.seek(self.first + start * width)
                if handle.readinto(piece.data) != len(piece):
                    raise _torn(self.file, f"it ends within '{self.name}'")
                return piece

            yield read


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
        ModelError: it is torn, a pointer of Git LFS, no such file, or has numbers of a type that is
            not known.
    """
    lfs.refuse_file(path, ModelError, file)
    size = path.stat().st_size
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST):
            raise _torn(file, f"its header would be {length} bytes long, and it has {size} in all")
        text = handle.read(length)
    try:
        header = {name: facts for name, facts in json.loads(text).items() if name != "__metadata__"}
        return {
            name: _checked(name, facts, path, file, 8 + length, size)
            for name, facts in sorted(header.items())
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _torn(file, f"its header cannot be read ({error!r})") from error


def _checked(
    name: str, facts: dict[str, Any], path: Path, file: str, first: int, size: int
) -> Stored:
    dtype, shape, (start, stop) = facts["dtype"], tuple(facts["shape"]), facts["data_offsets"]
    if dtype not in _TYPES:
        raise ModelError(f"{file}: '{name}' has numbers of type {dtype}, which are not known here")
    if stop - start != math.prod(shape) * np.dtype(_TYPES[dtype][0]).itemsize or start < 0:
        raise _torn(file, f"'{name}' has another size than its shape and type say")
    if first + stop > size:
        raise _torn(file, f"it ends within '{name}'")
    return Stored(name, path, file, dtype, shape, first + start)


def _torn(file: str, reason: str) -> ModelError:
    return ModelError(f"{file} is torn or no safetensors file: {reason}", _TORN)
