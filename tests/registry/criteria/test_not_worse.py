"""How often the gate errs, by simulation: `python tests/registry/criteria/test_not_worse.py`.

Versions are simulated whose losses differ by document and are paired, as those of real versions
are: documents differ much (0.2 bits per byte), the same document in two versions little (0.03).
"""

import numpy as np
import pytest

from stemma.registry.criteria.not_worse import judge_metric
from stemma.statistics.paired import compare
from stemma.statistics.significance import LEVEL
from stemma.versions.comparison.tested import Tested
from stemma.versions.contents.metrics import metric

MARGIN = 0.02
NAME = "bits_per_byte"


def passes(count: int, effect: float, trials: int, rounds: int = 1000) -> float:
    """Return how often a version passes that is worse by an effect, of ``count`` documents."""
    found = 0
    for trial in range(trials):
        draw = np.random.default_rng([trial, count])
        size = draw.integers(150, 9000, count).astype(float)
        truth = draw.normal(1.8, 0.2, count)
        # Both are noisy to the same extent; documents of a heavy tail among them.
        noise = draw.standard_t(5, (2, count)) * 0.03 / np.sqrt(5 / 3)
        a, b = (np.stack([(truth + one) * size, size]) for one in (noise[0], noise[1] + effect))
        one = compare(a, b, lambda sums: {NAME: sums[0] / sums[1]}, rounds, trial)[NAME]
        found += judge_metric(NAME, MARGIN, Tested(one, one.p, 0.0, metric(NAME)), count)[0]
    return found / trials


@pytest.mark.parametrize("count", [10, 34, 100])
def test_a_version_at_the_margin_hardly_passes(count: int):
    # Half of LEVEL by right: three standard errors of 200 trials above it.
    assert passes(count, MARGIN, 200) <= LEVEL / 2 + 3 * np.sqrt(0.025 * 0.975 / 200)


def test_a_version_as_good_passes_where_there_are_enough_examples():
    assert passes(100, 0.0, 100) >= 0.9
    assert passes(100, -0.02, 100) == 1.0
    assert passes(10, 0.0, 100) <= 0.6, "few examples are no reason to pass"


if __name__ == "__main__":
    effects = [0.0, 0.01, MARGIN, 0.03]
    print("documents", *(f"worse by {effect:g}" for effect in effects), sep="\t")
    for documents in (10, 20, 34, 50, 100, 200):
        shares = (passes(documents, effect, 1000) for effect in effects)
        print(documents, *(f"{share:.1%}" for share in shares), sep="\t")
