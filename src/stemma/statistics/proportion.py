"""How sure a share is that was found in a sample."""

import math
from statistics import NormalDist

from stemma.statistics.significance import LEVEL

_Z = NormalDist().inv_cdf(1 - LEVEL / 2)


def wilson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the ends of the score interval of a share, at a confidence of 1 - level.

    It holds its confidence where hits are few, and is no point where there are none (Wilson 1927,
    Journal of the American Statistical Association 22:209).

    Args:
        hits: in how many trials it was so.
        trials: how many there were, at least one.
        level: how often the interval misses the share.
    """
    z = NormalDist().inv_cdf(1 - level / 2)
    share, square = hits / trials, z**2 / trials
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / trials + square / 4 / trials)
    # Where nothing was hit, or all was, the end is exact, and rounding would miss it.
    low = 0.0 if hits == 0 else middle - half
    high = 1.0 if hits == trials else middle + half
    return low, high


def trials_needed(share: float, limit: float) -> int | None:
    """Return how many trials with this share have the upper end of their interval within a limit.

    The interval inverts the score test, whose error is that of the limit: its upper end is within
    the limit if share + z √(limit (1 - limit) / trials) is.

    Args:
        share: of the hits.
        limit: of the upper end, above 0.

    Returns:
        None if no number will do, since the share is not below the limit.
    """
    if share >= limit:
        return None
    return math.ceil(limit * (1 - limit) * (_Z / (limit - share)) ** 2)
