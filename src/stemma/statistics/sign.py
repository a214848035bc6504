"""The sign test: whether of two outcomes one is the more frequent."""


def sign_test(hits: int, trials: int) -> float:
    """Return the two-sided p-value of the exact binomial test against a fair coin.

    It is the chance of a split at least as uneven if both outcomes were equally likely, ties left
    out (Arbuthnott 1710; Dixon & Mood 1946, Journal of the American Statistical Association
    41:557).

    Args:
        hits: how often it was the first outcome.
        trials: how often it was either, at least none.
    """
    fewer = min(hits, trials - hits)
    ways, total = 1, 1
    for number in range(1, fewer + 1):
        ways = ways * (trials - number + 1) // number
        total += ways
    return min(1.0, 2 * total / 2**trials)
