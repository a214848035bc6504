"""The effective rank of a change: is it a LoRA, or did it go every way?

A matrix is multiplied by SKETCH random vectors while it streams by (Halko, Martinsson and Tropp
2011, algorithm 4.1); only where what they find can hold the change is it read again, and measured
along the directions that were found.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.store.tensors import Tensor
from stemma.versions.weights.change import Change, Pair, pieces

LARGEST = 64  # rank that is told from a full one
_SKETCH = LARGEST + 16
ENERGY = 0.99
# The share of the sketch's energy in its first 64 directions, below which the change has more. A
# change that holds 0.99 in 64 directions is never that low; one of a full rank always is.
_HOPELESS = 0.97
_PLACES = {"BF16": 7, "F16": 10, "F8_E4M3": 3, "F8_E5M2": 2, "F64": 52}  # bits of a fraction


@dataclasses.dataclass(frozen=True)
class Rank:
    """Of the difference of two matrices.

    Attributes:
        most: that is told from a full one: half of what there could be, and at most 64.
        rank: directions that stand above rounding, if what they leave is rounding; None if that
            are too many, or less than half of the change.
        holding: the fewest directions known to hold 99 % of the change's energy (its squared
            norm); None if that are too many.
    """

    most: int
    rank: int | None
    holding: int | None


class Sketch:
    """Random combinations of the rows of a matrix that streams by.

    Args:
        columns: of the matrix.
    """

    def __init__(self, columns: int) -> None:
        self._random = np.random.default_rng(0)
        self.sums = np.zeros((_SKETCH, columns), np.float32)

    def add(self, flat: NDArray[Any]) -> None:
        """Take the next rows."""
        rows = flat.reshape(-1, self.sums.shape[1]).astype(np.float32, copy=False)
        # Even numbers serve as well as normal ones, and are made five times as fast.
        mix = self._random.random((_SKETCH, len(rows)), np.float32) - np.float32(0.5)
        self.sums += mix @ rows


def rank_of(pair: Pair, change: Change, sketch: Sketch) -> Rank:
    """Return the rank of what is between two matrices.

    Args:
        pair: the matrices, which are read again.
        change: what was measured between them; not nothing, and of finite numbers.
        sketch: has seen all rows of it.
    """
    # In units of the largest number, so that no square leaves the range.
    sums = sketch.sums / change.largest
    energies = np.linalg.eigvalsh(sums.astype(np.float64) @ sums.T)[::-1]
    columns = sums.shape[1]
    if columns > _SKETCH and energies[:LARGEST].sum() < _HOPELESS * energies.sum():
        return Rank(_most(pair.before.shape), None, None)
    directions = np.linalg.qr(sums.T)[0].astype(np.float32)
    gram = np.zeros((directions.shape[1],) * 2)
    for _, _, apart in pieces(pair):
        along = (apart.reshape(-1, columns) @ directions).astype(np.float64)
        gram += along.T @ along
    singular = np.sqrt(np.clip(np.linalg.eigvalsh(gram)[::-1], 0, None))
    return rank_of_spectrum(singular, change, pair.before.shape, rounding(pair, change))


def rank_of_spectrum(
    singular: NDArray[Any], change: Change, shape: tuple[int, ...], rounding: float = 0.0
) -> Rank:
    """Return the rank of a change with known singular values.

    Args:
        singular: the largest ones, descending.
        change: what was measured.
        shape: of the matrix.
        rounding: standard deviation of what rounding adds to each number.
    """
    held = np.cumsum(singular**2)
    # The largest singular value of such noise, and three times that, since rows differ in size.
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
    """Return the standard deviation of what rounding to the coarser type does to a number.

    Of an error that is uniform within a unit in the last place u, u² / 12; and of numbers whose
    fractions are spread evenly on a log scale, u² / w² is 0.54 of what it is where a fraction is 1.
    """

    def of(tensor: Tensor, squares: float) -> float:
        unit = 2.0 ** -_PLACES.get(tensor.dtype, 23)
        return 0.54 / 12 * unit**2 * squares

    variance = max(of(pair.before, change.before), of(pair.after, change.after))
    return math.sqrt(variance / change.size)
