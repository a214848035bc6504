"""The difference of two tensors, which are read piece by piece."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.modeling.weights.tensors import Stored, Tensor

CHUNK = 2**16  # numbers in a piece, so that its arrays fit a core's own cache
_BYTES = 4 * CHUNK
# Between these two, sums of squares in single precision are correct to six digits.
_SMALL, _LARGE = 1e-25, 1e37


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two tensors of one shape.

    Attributes:
        delta: their difference, where it is known without reading ``after``.
    """

    before: Tensor
    after: Tensor
    delta: Tensor | None = None


@dataclasses.dataclass
class Change:
    """The difference of two tensors a and b of one shape; sums are over finite numbers.

    Attributes:
        size: how many numbers each has.
        changed: how many of them differ; from NaN to NaN is no change.
        before: ‖a‖².
        after: ‖b‖².
        between: ‖b - a‖².
        largest: the largest absolute difference.
        broken: how many numbers are NaN or infinite, in a and in b.
    """

    size: int = 0
    changed: int = 0
    before: float = 0.0
    after: float = 0.0
    between: float = 0.0
    largest: float = 0.0
    broken: tuple[int, int] = (0, 0)

    def __add__(self, other: "Change") -> "Change":
        return Change(
            self.size + other.size,
            self.changed + other.changed,
            self.before + other.before,
            self.after + other.after,
            self.between + other.between,
            max(self.largest, other.largest),
            (self.broken[0] + other.broken[0], self.broken[1] + other.broken[1]),
        )

    @property
    def relative(self) -> float | None:
        """‖b - a‖ / ‖a‖; None if a is zero and b is not, or if no numbers can be compared."""
        if not self.before:
            return None if self.changed else 0.0
        return math.sqrt(self.between / self.before)

    @property
    def cosine(self) -> float | None:
        """The cosine of the angle between a and b; None if one of them is zero."""
        if not self.before or not self.after:
            return None
        lengths = math.sqrt(self.before), math.sqrt(self.after)
        # Exact for small angles too: ‖b - a‖² = (‖b‖ - ‖a‖)² + 2 ‖a‖ ‖b‖ (1 - cosine).
        turned = max(0.0, self.between - (lengths[1] - lengths[0]) ** 2)
        return 1 - turned / (2 * lengths[0] * lengths[1])


def is_same(one: Tensor, other: Tensor) -> bool:
    """Return whether two stored tensors are the same bytes; stop at the first difference."""
    if not isinstance(one, Stored) or not isinstance(other, Stored):
        return False
    if (one.dtype, one.shape, one.length) != (other.dtype, other.shape, other.length):
        return False
    closing = contextlib.closing
    with closing(one.chunks(_BYTES)) as ours, closing(other.chunks(_BYTES)) as theirs:
        return all(a == b for a, b in zip(ours, theirs, strict=True))


def measure(pair: Pair, see: Callable[[NDArray[Any]], object] = id) -> Change:
    """Return the difference of two tensors.

    Args:
        pair: the tensors.
        see: called with the differences of each piece that has any, flat and in order; those of a
            matrix are whole rows.
    """
    total = Change()
    for one, other, apart in pieces(pair):
        change = _measure_piece(one, other, apart)
        total += change
        if change.changed:
            see(apart)
    return total


def pieces(pair: Pair) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Yield (a, b, b - a) of each piece, flat; the next piece overwrites these arrays."""
    size, step = math.prod(pair.before.shape), chunk_of(pair.before.shape)
    known = pair.delta
    with pair.before.open(step) as ours, (known or pair.after).open(step) as theirs:
        buffer = None
        for start, stop in _steps(size, step):
            one, other = ours(start, stop), theirs(start, stop)
            if buffer is None:
                buffer = np.empty(step, np.result_type(one, other))
            free = buffer[: stop - start]
            if known:
                yield one, np.add(one, other, out=free), other
            else:
                with np.errstate(invalid="ignore", over="ignore"):
                    np.subtract(other, one, out=free)
                yield one, other, free


def chunk_of(shape: tuple[int, ...]) -> int:
    """Return how many numbers a piece has: whole rows of a matrix, unless a row is longer."""
    width = shape[-1] if len(shape) > 1 else 1
    return CHUNK // width * width if 0 < width <= CHUNK else CHUNK


def _steps(size: int, step: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + step, size)) for start in range(0, size, step))


def _measure_piece(a: NDArray[Any], b: NDArray[Any], d: NDArray[Any]) -> Change:
    with np.errstate(invalid="ignore", over="ignore"):
        before, largest = float(np.vdot(a, a)), float(max(d.max(), -d.min()))
        if not largest and _is_tame(before, a):
            return Change(len(a), 0, before, before)
        after, between = float(np.vdot(b, b)), float(np.vdot(d, d))
    if not (_is_tame(before, a) and _is_tame(after, b) and _SMALL < between < _LARGE):
        return _measure_wild(a.astype(np.float64), b.astype(np.float64))
    return Change(len(a), int(np.count_nonzero(a != b)), before, after, between, largest)


def _is_tame(squares: float, numbers: NDArray[Any]) -> bool:
    # Rows that no token has used, and what was pruned, are zeros as such.
    return _SMALL < squares < _LARGE or (squares == 0 and not numbers.any())


def _measure_wild(a: NDArray[Any], b: NDArray[Any]) -> Change:
    """Measure numbers that are very large or very small, NaN or infinite."""
    fine = np.isfinite(a), np.isfinite(b)
    broken = len(a) - int(fine[0].sum()), len(b) - int(fine[1].sum())
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    changed = len(a) - int(same.sum())
    if any(broken):
        a, b = (np.where(fine[0] & fine[1], values, 0) for values in (a, b))
    d = b - a
    largest = float(np.abs(d).max())
    before, after, between = (float(np.vdot(x, x)) for x in (a, b, d))
    return Change(len(same), changed, before, after, between, largest, broken)
