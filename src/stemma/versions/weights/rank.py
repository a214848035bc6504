"""The effective rank of a change: does it look like a LoRA, or is it of full rank?

While the change of a matrix streams by, it is multiplied by _SKETCH random vectors (Halko,
Martinsson and Tropp 2011, algorithm 4.1). Only if the directions found in this way can hold the
change is the matrix read again, and measured along them.
"""

import abc
import dataclasses
import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.modeling.weights.tensors import Tensor
from stemma.versions.weights.change import Change, Pair, pieces

LARGEST = 64  # the largest rank that is told from a full one
_SKETCH = LARGEST + 16
_BATCH = 128  # rows; of fewer at a time a product waits for memory more than it multiplies
ENERGY = 0.99
# If the first 64 directions hold less than this share of the energy, the change needs more of them.
# A change that holds 0.99 in 64 directions is never below it, one of full rank always is.
_HOPELESS = 0.97
_FRACTION_BITS = {"BF16": 7, "F16": 10, "F8_E4M3": 3, "F8_E5M2": 2, "F64": 52}


@dataclasses.dataclass(frozen=True)
class Rank:
    """The effective rank of the difference of two matrices.

    Attributes:
        most: the largest rank that is told from a full one: half of the full rank, at most 64.
        rank: the number of directions that stand out from rounding, if nothing but rounding is left
            without them; None if they are more than ``most``, or hold less than half of the change.
        holding: the number of directions that hold 99 % of the energy of the change (its squared
            norm); None if they are more than ``most``.
    """

    most: int
    rank: int | None
    holding: int | None


class _Batches(abc.ABC):
    """Rows of a matrix that streams by, many at a time.

    Args:
        columns: how many the matrix has.
    """

    def __init__(self, columns: int) -> None:
        self._columns, self._filled = columns, 0

    def add(self, flat: NDArray[Any]) -> None:
        """Take the next rows."""
        rows = flat.reshape(-1, self._columns)
        if not self._filled and 2 * len(rows) > _BATCH:
            self._use(rows.astype(np.float32, copy=False))
            return
        while len(rows):
            free = self._rows[self._filled :][: len(rows)]
            free[...] = rows[: len(free)]
            rows, self._filled = rows[len(free) :], self._filled + len(free)
            if self._filled == _BATCH:
                self.end()

    def end(self) -> None:
        """Use what is left."""
        if self._filled:
            self._use(self._rows[: self._filled])
        self._filled = 0

    @functools.cached_property
    def _rows(self) -> NDArray[Any]:
        return np.empty((_BATCH, self._columns), np.float32)

    @abc.abstractmethod
    def _use(self, rows: NDArray[Any]) -> None:
        """Take float32 rows, which the next ones overwrite."""


class Sketch(_Batches):
    """Random combinations of the rows of a matrix that streams by.

    Args:
        columns: how many the matrix has.
    """

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self._random = np.random.default_rng(0)
        self._sums = np.zeros((_SKETCH, columns), np.float32)

    def sums(self) -> NDArray[Any]:
        """Return the combinations of all rows so far, float32 [_SKETCH, columns]."""
        self.end()
        return self._sums

    def _use(self, rows: NDArray[Any]) -> None:
        # Uniform numbers serve as well as normal ones, and are drawn five times as fast.
        mix = self._random.random((_SKETCH, len(rows)), np.float32) - np.float32(0.5)
        self._sums += mix @ rows


class _Gram(_Batches):
    """The products of a matrix that streams by with some directions, multiplied with themselves."""

    def __init__(self, directions: NDArray[Any]) -> None:
        super().__init__(len(directions))
        self._directions = directions
        self.sums = np.zeros((directions.shape[1],) * 2)

    def _use(self, rows: NDArray[Any]) -> None:
        along = (rows @ self._directions).astype(np.float64)
        self.sums += along.T @ along


def rank_of(pair: Pair, change: Change, sketch: Sketch) -> Rank:
    """Return the effective rank of the difference of two matrices.

    Args:
        pair: the matrices, which are read again.
        change: their difference as it was measured; not zero, and all numbers finite.
        sketch: of the difference, all of whose rows it has seen that are not zero.
    """
    # In units of the largest number, so that no square overflows or underflows.
    sums = sketch.sums() / change.largest
    energies = np.linalg.eigvalsh(sums.astype(np.float64) @ sums.T)[::-1]
    columns = sums.shape[1]
    if columns > _SKETCH and energies[:LARGEST].sum() < _HOPELESS * energies.sum():
        return Rank(_most(pair.before.shape), None, None)
    directions = np.linalg.qr(sums.T)[0].astype(np.float32)
    gram = _Gram(directions)
    for _, _, apart in pieces(pair):
        if apart.any():
            gram.add(apart)
    gram.end()
    singular = np.sqrt(np.clip(np.linalg.eigvalsh(gram.sums)[::-1], 0, None))
    return rank_of_spectrum(singular, change, pair.before.shape, rounding(pair, change))


def rank_of_spectrum(
    singular: NDArray[Any], change: Change, shape: tuple[int, ...], rounding: float = 0.0
) -> Rank:
    """Return the effective rank of a change whose singular values are known.

    Args:
        singular: the largest singular values, descending.
        change: the change as it was measured.
        shape: of the matrix.
        rounding: standard deviation of the rounding error of each number.
    """
    held = np.cumsum(singular**2)
    # Three times the largest singular value of such noise, since rows differ in size.
    noise = 3 * rounding * (math.sqrt(shape[0]) + math.sqrt(len(singular)))
    rank = int(np.count_nonzero(singular > max(noise, 1e-6 * singular[0])))
    inside = float(held[rank - 1]) if rank else 0.0
    allowed = 2 * rounding**2 * math.prod(shape) + 1e-5 * change.between
    is_all = 2 * inside > change.between and change.between - inside <= allowed
    holding = 1 + int(np.searchsorted(held, ENERGY * change.between))
    most = _most(shape)
    return Rank(
        most, rank if is_all and rank <= most else None, holding if holding <= most else None
    )


def _most(shape: tuple[int, ...]) -> int:
    return min(LARGEST, min(shape) // 2)


def rounding(pair: Pair, change: Change) -> float:
    """Return the standard deviation of the error of rounding a number to the coarser type.

    An error that is uniform within a unit in the last place u has the variance u² / 12. Where the
    fractions of the numbers w are spread evenly on a log scale, the mean of u² / w² is 0.54 times
    what it is for a fraction of 1.
    """

    def of(tensor: Tensor, squares: float) -> float:
        unit = 2.0 ** -_FRACTION_BITS.get(tensor.dtype, 23)
        return 0.54 / 12 * unit**2 * squares

    variance = max(of(pair.before, change.before), of(pair.after, change.after))
    return math.sqrt(variance / change.size)
