"""Metrics with intervals: sums by document, resampled over documents."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.errors import ModelError
from stemma.modeling.metrics.formulas import Formulas
from stemma.modeling.metrics.names import ENDS
from stemma.statistics import FEWEST
from stemma.statistics.resampling import draw

# More than anyone reads, so that nobody rounds what was rounded; fewer than processors differ in.
_DIGITS = 10


def example_metrics(
    examples: Mapping[str, Any], formulas: Iterable[Formulas], resamples: int, seed: int
) -> dict[str, float]:
    """Return the metrics of examples, each again with ``_low`` and ``_high``.

    Args:
        examples: columns of reports/examples.parquet, one row per document.
        formulas: what to compute; one seed draws the same documents for all of them.
        resamples: how often to draw as many documents as there are.
        seed: of the drawing.
    """
    columns = {name: np.asarray(column) for name, column in examples.items()}
    found: dict[str, float] = {}
    for one in formulas:
        found |= bootstrap(one.parts(columns), one.values, resamples, seed)
    return found


def bootstrap(
    columns: NDArray[np.float64],
    values: Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]],
    resamples: int,
    seed: int,
) -> dict[str, float]:
    """Return metrics of sums over documents, each again with ``_low`` and ``_high``.

    The interval is the percentile bootstrap (Efron 1979) over documents, since the tokens of one
    document do not vary independently. The same seed draws the same documents for every model.
    Fewer documents than FEWEST have no interval.

    Args:
        columns: what is summed, shape (columns, documents).
        values: from sums, shape (columns, ...), to metrics by name, shape (...).
        resamples: how often to draw as many documents as there are.
        seed: of the drawing.

    Raises:
        ModelError: a metric, or an end of its interval, is not a finite number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        metrics = values(columns.sum(axis=1))
        enough = columns.shape[1] >= FEWEST
        drawn = values(draw(columns, resamples, seed)) if enough else {}
        result = {}
        for name, value in metrics.items():
            result[name] = float(value)
            if enough:
                ends = np.quantile(drawn[name], [0.025, 0.975]).tolist()
                result |= {f"{name}{end}": number for end, number in zip(ENDS, ends, strict=True)}
    for key, number in result.items():
        if not np.isfinite(number):
            raise diverged(f"{key} of the test split is not a finite number")
    return {key: float(f"{number:.{_DIGITS}g}") for key, number in result.items()}


def diverged(what: str) -> ModelError:
    """Return the error that a model makes no sense, for a reason that ``what`` gives."""
    return ModelError(what, "the training diverged: lower train.learning_rate")
