"""Whether one version is better than another: their metrics, paired by example and tested."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.modeling.metrics.formulas import Examples, Formulas, Metric
from stemma.statistics import FEWEST
from stemma.statistics.paired import Difference, compare, jackknife
from stemma.statistics.significance import (
    LEVEL,
    holm,
    mcnemar,
    quantile_of_t,
    smallest_effect,
)
from stemma.store.declared import CONVENTION, Direction
from stemma.store.version import Version
from stemma.versions.comparison.measuring import TASK, measuring
from stemma.versions.comparison.pairs import Pairs, match, paired
from stemma.versions.contents.formulas import FORMULAS
from stemma.versions.contents.measured import METRICS_DIFFER, REMEDY, metrics_match
from stemma.versions.contents.metrics import metric, metric_values

ROUNDS = 10_000
"""How often the bootstrap draws, and how often the permutation test swaps."""
_SEED = 0
_DIVERGED = "it is no finite number: the training diverged"


@dataclasses.dataclass(frozen=True)
class Tested:
    """A metric of two versions over the examples that both were measured on.

    Attributes:
        difference: the metric of each version, the interval of the difference, and the p-value.
        corrected: the p-value, corrected for the number of aspects that are tested (Holm).
        smallest: the smallest difference that would be found with a probability of POWER, at the
            level of the aspect that is judged first.
        metric: what is known of it.
    """

    difference: Difference
    corrected: float
    smallest: float
    metric: Metric

    @property
    def real(self) -> bool:
        """Whether there is a difference, at LEVEL for all metrics together."""
        return self.corrected <= LEVEL


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The metrics of two versions, compared.

    Attributes:
        pairs: the examples of both; None if a version has none.
        tested: the metrics that could be tested.
        untested: why each of the other metrics could not.
        measuring: the settings of measuring that differ: both values by key.
    """

    pairs: Pairs | None
    tested: dict[str, Tested]
    untested: dict[str, str]
    measuring: dict[str, tuple[Any, Any]]


def compare_versions(
    a: Version, b: Version, metrics_a: dict[str, Any], metrics_b: dict[str, Any]
) -> Comparison:
    """Compare the metrics of two versions.

    Args:
        a: the first version.
        b: the second version.
        metrics_a: the content of metrics.json of the first.
        metrics_b: the content of metrics.json of the second.

    Raises:
        ProjectError: a file of a version is torn.
    """
    names = list(metric_values(metrics_a | metrics_b))
    left, right = metric_values(metrics_a), metric_values(metrics_b)
    both = [name for name in names if name in left and name in right]
    how = measuring(a, b)
    pairs = paired(a, b)
    found: dict[str, Difference] = {}
    untested = {
        name: _missing(name, a if name in right else b, metrics_a, metrics_b)
        for name in names
        if name not in both
    }
    if why := _obstacle(a, b, pairs, how):
        untested |= dict.fromkeys(both, why)
    else:
        assert pairs
        found = differences(pairs, both)
        values = {name: (left[name], right[name]) for name in both}
        untested |= {
            name: _reason(a, pairs, name) if all(map(math.isfinite, values[name])) else _DIVERGED
            for name in both
            if name not in found
        }
    return Comparison(
        pairs,
        _judge(found, 0 if pairs is None else len(pairs.ids), _directions(a, b)),
        {name: untested[name] for name in names if name in untested},
        how,
    )


def changed(left: Examples, right: Examples, name: str) -> bool | None:
    """Return whether a metric differs between two tables of examples, by a quick test.

    It is the paired jackknife against Student's t, without a correction for several tests: made for
    a list of many versions.

    Args:
        left: examples of the first version.
        right: examples of the second version.
        name: of the metric.

    Returns:
        None if that cannot be told: too few documents in common, or other tokens.
    """
    pairs = match(left, right, None)
    if len(pairs.ids) < FEWEST:
        return None
    for formulas in _formulas(pairs):
        found = jackknife(*_parts(formulas, pairs), formulas.values)
        if name in found:
            if name in formulas.by_token and _tokens_differ(pairs):
                return None
            difference, error = found[name]
            return abs(difference) > error * quantile_of_t(1 - LEVEL / 2, len(pairs.ids) - 1)
    return None


def _missing(name: str, version: Version, *metrics: dict[str, Any]) -> str:
    """Return why a metric that a version does not have cannot be compared."""
    lossy = name == "bits_per_byte" and any(one.get("not_restored") for one in metrics)
    return (
        f"the texts do not come back from the tokens of {version.name}"
        if lossy
        else "only one version has it"
    )


def _obstacle(a: Version, b: Version, pairs: Pairs | None, how: dict[str, tuple[Any, Any]]) -> str:
    for one in (a, b):
        if metrics_match(one) is False:
            return f"{METRICS_DIFFER} in {one.name} ({REMEDY})"
    if TASK in how:
        return "the tasks are {} and {}".format(*how[TASK])
    if pairs is None:
        without = next(one for one in (a, b) if one.read(one.declared.examples) is None)
        path, usual = without.declared.examples, CONVENTION
        declared = path != usual.examples or without.declared.metrics == usual.metrics
        return f"{without.name} has no {path if declared else 'evaluation by example'}"
    if not pairs.ids:
        return "no document is the same in the test split of both"
    if len(pairs.ids) < FEWEST:
        return f"fewer than {FEWEST} documents are the same in the test split of both"
    return ""


def differences(pairs: Pairs, names: Iterable[str]) -> dict[str, Difference]:
    """Compare metrics over pairs of examples.

    Args:
        pairs: at least FEWEST.
        names: of the metrics.

    Returns:
        The differences by metric, without those that the examples do not tell.
    """
    found: dict[str, Difference] = {}
    for formulas in _formulas(pairs):
        left, right = _parts(formulas, pairs)
        wanted = set(names)
        if _tokens_differ(pairs):
            wanted -= formulas.by_token

        def chosen(
            sums: NDArray[np.float64], formulas: Formulas = formulas, wanted: set[str] = wanted
        ) -> dict[str, NDArray[np.float64]]:
            return {name: one for name, one in formulas.values(sums).items() if name in wanted}

        for name, difference in compare(left, right, chosen, ROUNDS, _SEED).items():
            # Anybody's accuracy is a mean like others: what was right is no column there.
            if (column := formulas.right.get(name)) and column in formulas.needs:
                p = mcnemar(pairs.a[column].astype(bool), pairs.b[column].astype(bool))
                difference = dataclasses.replace(difference, p=p, test="mcnemar")
            found[name] = difference
    return {name: found[name] for name in names if name in found}


def _formulas(pairs: Pairs) -> list[Formulas]:
    both = pairs.a.keys() & pairs.b.keys()
    known = [one for one in FORMULAS if both >= set(one.needs)]
    used = {"id", *(name for one in known for name in one.needs)}
    own = [name for name in pairs.a if name in both - used and _is_number(pairs, name)]
    return [*known, *map(_mean, own)]


def _is_number(pairs: Pairs, name: str) -> bool:
    return all(np.asarray(one[name]).dtype.kind in "biuf" for one in (pairs.a, pairs.b))


def _mean(name: str) -> Formulas:
    """Return the formula of a metric that is the mean of a column of anybody's results."""

    def parts(examples: Examples) -> NDArray[np.float64]:
        column = examples[name].astype(np.float64)
        return np.stack([column, np.ones_like(column)])

    return Formulas((metric(name),), (name,), parts, lambda sums: {name: sums[0] / sums[1]})


def _parts(formulas: Formulas, pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Both sides together, so that they have the same parts: only one may predict a certain class.
    stacked = {name: np.concatenate([pairs.a[name], pairs.b[name]]) for name in formulas.needs}
    parts = formulas.parts(stacked)
    return parts[:, : len(pairs.ids)], parts[:, len(pairs.ids) :]


def _tokens_differ(pairs: Pairs) -> bool:
    if "tokens" not in pairs.a or "tokens" not in pairs.b:
        return False
    return not np.array_equal(pairs.a["tokens"], pairs.b["tokens"])


def _reason(version: Version, pairs: Pairs, name: str) -> str:
    formulas = _formulas(pairs)
    if _tokens_differ(pairs) and any(name in one.by_token for one in formulas):
        return "it is per token, and the same texts have other tokens"
    with np.errstate(all="ignore"):
        made = [one.values(_parts(one, pairs)[0].sum(axis=1)) for one in formulas]
    if any(name in one for one in made):
        return "it is not a finite number whichever documents are drawn"
    return f"{version.declared.examples} does not hold what it is made of"


def _directions(a: Version, b: Version) -> Mapping[str, Direction]:
    return {**a.declared.directions, **b.declared.directions}


def _judge(
    found: dict[str, Difference], pairs: int, directions: Mapping[str, Direction]
) -> dict[str, Tested]:
    metrics = {name: metric(name, directions) for name in found}
    # Metrics of one aspect are one test, and the first of them decides it.
    first: dict[str, float] = {}
    for name, difference in found.items():
        first.setdefault(metrics[name].aspect, difference.p)
    corrected = holm(first)
    return {
        name: Tested(
            difference,
            corrected[metrics[name].aspect],
            smallest_effect(difference.error, pairs, LEVEL / len(first)),
            metrics[name],
        )
        for name, difference in found.items()
    }
