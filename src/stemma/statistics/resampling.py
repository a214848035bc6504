"""Sums over examples that are drawn again, and sums over examples whose signs are turned."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

# Numbers that are held at a time: they fit a core's cache, and BLAS starts no threads for so few.
_BLOCK = 2**14


def draw(columns: NDArray[np.float64], rounds: int, seed: int) -> NDArray[np.float64]:
    """Return the columns' sums over as many examples, drawn with replacement (Efron 1979).

    Args:
        columns: what is summed, shape (columns, examples).
        rounds: how often to draw.
        seed: where the drawing starts; one seed draws the same examples, whatever is summed.

    Returns:
        Shape (columns, rounds).
    """
    examples = columns.shape[1]

    def times_drawn(generator: Generator, size: int) -> NDArray[np.float64]:
        picks = generator.integers(examples, size=(size, examples))
        picks += np.arange(size)[:, None] * examples
        counts = np.bincount(picks.ravel(), minlength=size * examples)
        return counts.reshape(size, examples).astype(np.float64)

    return _sums(columns, rounds, seed, times_drawn)


def turn(columns: NDArray[np.float64], rounds: int, seed: int) -> NDArray[np.float64]:
    """Return the columns' sums with a sign that a coin gives each example (Fisher 1935).

    Args:
        columns: what is summed, shape (columns, examples).
        rounds: how often to throw the coins.
        seed: where the throwing starts; one seed throws the same, whatever is summed.

    Returns:
        Shape (columns, rounds).
    """

    def signs(generator: Generator, size: int) -> NDArray[np.float64]:
        coins = generator.integers(2, size=(size, columns.shape[1]), dtype=np.int8)
        return 1 - 2 * coins.astype(np.float64)

    return _sums(columns, rounds, seed, signs)


def _sums(
    columns: NDArray[np.float64],
    rounds: int,
    seed: int,
    weights: Callable[[Generator, int], NDArray[np.float64]],
) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // columns.shape[1])
    sums = np.empty((len(columns), rounds))
    starts = range(0, rounds, block)
    for start in tqdm(starts, desc="resample", disable=None, delay=2, leave=False):
        size = min(block, rounds - start)
        sums[:, start : start + size] = columns @ weights(generator, size).T
    return sums
