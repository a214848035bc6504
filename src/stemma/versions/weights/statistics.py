"""How far each tensor of one model is from that of another, and groups of tensors likewise."""

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
from stemma.versions.weights.rank import Rank, Sketch, rank_of, rank_of_spectrum, rounding
from stemma.versions.weights.roles import Role, roles_of

_MOST_THREADS = 8  # a disk feeds no more


@dataclasses.dataclass(frozen=True)
class TensorStatistics:
    """How far a tensor is from what it was.

    Attributes:
        name: of the tensor.
        role: its layer and kind.
        shape: of the tensor, the same before and after.
        dtypes: its types in the files, before and after.
        change: the distance between the two.
        rank: the rank of the change of a matrix; None for other tensors, and where a number is NaN
            or infinite.
        rounded: whether the two differ by no more than rounding to the coarser of the two types
            explains.
    """

    name: str
    role: Role
    shape: tuple[int, ...]
    dtypes: tuple[str, str]
    change: Change
    rank: Rank | None
    rounded: bool


def measure_all(aligned: Aligned) -> list[TensorStatistics]:
    """Read and compare the tensors that may differ; return them layer by layer.

    Set OPENBLAS_NUM_THREADS=1 before numpy is imported: the tensors are compared in several
    threads, and threads that BLAS starts on top of those slow them all down.

    Raises:
        ModelError: a file is torn.
    """
    names = sorted(aligned.pairs, key=lambda name: -_size(aligned.pairs[name]))
    roles = roles_of([*aligned.pairs, *aligned.same])
    workers = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    total = sum(_size(pair) for pair in aligned.pairs.values())
    found: dict[str, TensorStatistics] = {}
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(desc="weights", total=total, unit="number", unit_scale=True, disable=None) as bar,
    ):
        for one in pool.map(lambda name: _compare(name, aligned.pairs[name], roles[name]), names):
            found[one.name] = one
            bar.update(_size(aligned.pairs[one.name]))
    return [found[name] for name in roles if name in found]


def together(tensors: Iterable[TensorStatistics]) -> Change:
    """Return the change of several tensors as if they were one."""
    return functools.reduce(lambda total, one: total + one.change, tensors, Change())


def _compare(name: str, pair: Pair, role: Role) -> TensorStatistics:
    shape, dtypes = pair.before.shape, (pair.before.dtype, pair.after.dtype)
    blank = TensorStatistics(name, role, shape, dtypes, Change(_size(pair)), None, False)
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
