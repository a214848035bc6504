"""Whether two samples of vectors come from one distribution: the maximum mean discrepancy."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from stemma.statistics.contrast import Contrast
from stemma.statistics.significance import LEVEL

_ROUNDS = 2_000
_TAIL = 0.1  # of the permutations, to which the tail is fitted
_COUNTED = 10  # permutations at least as far, from which on they are counted, not extrapolated
_LEAST = 1e-9  # what a fitted tail says farther out is no more than a guess
_SEED = 20_261


def discrepancy(
    reference: NDArray[np.float64], sample: NDArray[np.float64], rounds: int = _ROUNDS
) -> Contrast:
    """Return how far apart two samples of vectors lie, as a multiple of how far one is spread.

    It is the maximum mean discrepancy under a Gaussian kernel whose width is the median distance
    within the reference (Gretton et al. 2012, JMLR 13:723), unbiased when squared, divided by the
    spread of the reference in the same space: 0 is no difference, 1 as far as the reference is
    spread. Its interval is the jackknife's.

    The p-value is that of the permutation test. Where fewer than 10 permutations are as far, a
    generalised Pareto distribution is fitted to the farthest tenth of them (Knijnenburg et al.
    2009, Bioinformatics 25:i161). Its shape is held at 0 or above: the statistic has the tail of
    a sum of chi-squares, which ends nowhere, and a fitted end would make p-values of 0.

    Args:
        reference: shape (n, width), n at least 4.
        sample: shape (m, width), m at least 4.
        rounds: how often the samples are drawn anew from both together.
    """
    n, m = len(reference), len(sample)
    kernel = _kernel(np.concatenate([reference, sample]), n)
    if kernel is None:
        return Contrast(0.0, 0.0, 0.0, 1.0)
    theirs = np.arange(n + m) < n
    squared = float(_squared(kernel, theirs[None])[0])
    generator = np.random.default_rng(_SEED)
    shuffled = generator.permuted(np.tile(theirs, (rounds, 1)), axis=1)
    spread = -kernel[:n, :n].sum() / (n * (n - 1)) + 1
    error = _jackknife(kernel, n)
    half = NormalDist().inv_cdf(1 - LEVEL / 2) * error
    low, effect, high = (
        math.sqrt(max(0.0, one) / max(spread, 1e-12))
        for one in (squared - half, squared, squared + half)
    )
    return Contrast(effect, low, high, tail(_squared(kernel, shuffled), squared))


def tail(drawn: NDArray[np.float64], found: float) -> float:
    """Return the probability of a value at least as great, beyond what was drawn too.

    Args:
        drawn: values under the hypothesis, at least 100.
        found: the value.

    Returns:
        At least 1e-9 where it is extrapolated.
    """
    from scipy.stats import genpareto

    far = int((drawn >= found).sum())
    counted = (1 + far) / (1 + len(drawn))
    if far >= _COUNTED:
        return counted
    threshold = float(np.quantile(drawn, 1 - _TAIL))
    excess = drawn[drawn > threshold] - threshold
    if found <= threshold or len(excess) < _COUNTED:
        return counted
    shape, _, scale = genpareto.fit(excess, floc=0)
    if shape <= 0:
        shape, scale = 0.0, float(excess.mean())
    share = len(excess) / len(drawn)
    fitted = share * float(genpareto.sf(found - threshold, shape, 0, scale))
    return min(counted, max(fitted, _LEAST))


def _kernel(both: NDArray[np.float64], n: int) -> NDArray[np.float64] | None:
    """Return the kernel of each pair, without the diagonal; None if all are the same point."""
    norms = np.square(both).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms[None] - 2 * both @ both.T, 0)
    within = squares[:n, :n][np.triu_indices(n, 1)]
    width = float(np.median(within)) or float(within.mean()) or float(squares.mean())
    if width <= 1e-20:
        return None
    kernel = np.exp(-squares / width)
    np.fill_diagonal(kernel, 0)
    return kernel


def _squared(kernel: NDArray[np.float64], theirs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the squared discrepancy of each division of the points, shape (divisions,)."""
    one = theirs.astype(np.float64)
    n, total = int(theirs[0].sum()), theirs.shape[1]
    m = total - n
    product = one @ kernel
    inside = (product * one).sum(axis=1)
    across = product.sum(axis=1) - inside
    outside = kernel.sum() - inside - 2 * across
    return inside / (n * (n - 1)) + outside / (m * (m - 1)) - 2 * across / (n * m)


def _jackknife(kernel: NDArray[np.float64], n: int) -> float:
    """Return the standard error of the squared discrepancy, each point left out once."""
    m = len(kernel) - n
    own, cross = kernel[:n, :n].sum(axis=1), kernel[:n, n:].sum(axis=1)
    other, back = kernel[n:, n:].sum(axis=1), kernel[n:, :n].sum(axis=1)
    inside, outside, across = own.sum(), other.sum(), cross.sum()
    first = (inside - 2 * own) / ((n - 1) * (n - 2)) - 2 * (across - cross) / ((n - 1) * m)
    second = (outside - 2 * other) / ((m - 1) * (m - 2)) - 2 * (across - back) / (n * (m - 1))
    variance = sum((len(one) - 1) ** 2 / len(one) * one.var(ddof=1) for one in (first, second))
    return math.sqrt(float(variance))
