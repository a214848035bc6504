"""What is between the weights of two models: a figure for each tensor, and for groups of them."""

import dataclasses
import functools
import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from stemma.versions.weights.adapters import Product, Sum
from stemma.versions.weights.change import CHUNK, Change, Pair, is_same, measure
from stemma.versions.weights.models import Aligned
from stemma.versions.weights.parts import Part, parts_of
from stemma.versions.weights.rank import Rank, Sketch, rank_of, rank_of_spectrum, rounding

_MOST_THREADS = 8  # more than a disk feeds


@dataclasses.dataclass(frozen=True)
class Figure:
    """Of a tensor.

    Attributes:
        dtypes: as it is stored, before and after.
        rank: of the change of a matrix; None for other tensors, and where a number is none.
        rounded: whether one is no further from the other than rounding it to the other's coarser
            type would be.
    """

    name: str
    part: Part
    shape: tuple[int, ...]
    dtypes: tuple[str, str]
    change: Change
    rank: Rank | None
    rounded: bool


def measure_all(aligned: Aligned) -> list[Figure]:
    """Read and compare the tensors that may differ; those of a layer stand together.

    The matrix products of many threads get into each other's way where BLAS starts threads too:
    set OPENBLAS_NUM_THREADS=1 before numpy is imported.

    Raises:
        ModelError: a file is torn.
    """
    names = sorted(aligned.pairs, key=lambda name: -_size(aligned.pairs[name]))
    parts = parts_of([*aligned.pairs, *aligned.same])
    workers = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    total = sum(_size(pair) for pair in aligned.pairs.values())
    found: dict[str, Figure] = {}
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(desc="weights", total=total, unit="number", unit_scale=True, disable=None) as bar,
    ):
        for figure in pool.map(lambda name: _figure(name, aligned.pairs[name], parts[name]), names):
            found[figure.name] = figure
            bar.update(_size(aligned.pairs[figure.name]))
    return [found[name] for name in parts if name in found]


def together(figures: Iterable[Figure]) -> Change:
    """Return the change of several tensors as if they were one."""
    return functools.reduce(lambda total, figure: total + figure.change, figures, Change())


def _figure(name: str, pair: Pair, part: Part) -> Figure:
    shape, dtypes = pair.before.shape, (pair.before.dtype, pair.after.dtype)
    blank = Figure(name, part, shape, dtypes, Change(_size(pair)), None, False)
    if is_same(pair.before, pair.after):
        return blank
    sketch = _sketch(pair)
    change = measure(pair, sketch.add if sketch else id)
    if not change.changed or any(change.broken):
        return dataclasses.replace(blank, change=change)
    rank = None
    if isinstance(pair.delta, Product):
        rank = rank_of_spectrum(pair.delta.singular(), change, shape)
    elif sketch:
        rank = rank_of(pair, change, sketch)
    finer = dtypes[0] != dtypes[1] or isinstance(pair.before, Sum) != isinstance(pair.after, Sum)
    error = 2 * change.size * rounding(pair, change) ** 2
    rounded = pair.delta is None and finer and change.between <= error
    return dataclasses.replace(blank, change=change, rank=rank, rounded=rounded)


def _sketch(pair: Pair) -> Sketch | None:
    shape = pair.before.shape
    is_matrix = len(shape) == 2 and min(shape) > 1 and shape[1] <= CHUNK
    return Sketch(shape[1]) if is_matrix and pair.delta is None else None


def _size(pair: Pair) -> int:
    return math.prod(pair.before.shape)
