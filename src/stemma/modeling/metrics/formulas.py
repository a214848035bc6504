"""What a metric is, and the formula behind it: what of examples.parquet is summed, and into what.

Evaluate computes metrics and their intervals with these formulas, and `stemma diff` computes them
again over the examples that two versions share, so both mean the same by a name. Each module beside
this one declares the metrics of one kind of prediction; a task imports only those that it reports.
`stemma log` reads all of them at every call, so NumPy is imported only where it computes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Examples = Mapping[str, "NDArray[Any]"]
"""The columns of reports/examples.parquet by name, one row per example."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number by which models are compared.

    Attributes:
        name: its key in metrics.json.
        label: what people call it in tables and sentences.
        better: whether lower or higher values are better; None if that is not known.
        aspect: the quality of a model that it measures. Metrics of one aspect rise and fall
            together, so they count as one finding and one significance test.
        unit: of its values.
        title: its column heading in the model card; empty if the card leaves it out.
        hub: what the Hugging Face Hub calls it, for the card's metadata.
        by_token: whether it compares only where both sides cut a text into as many tokens.
        right: the column that says which examples are right, if it is the share of those.
    """

    name: str
    label: str
    better: Literal["lower", "higher"] | None
    aspect: str
    unit: str = ""
    title: str = ""
    hub: str = ""
    by_token: bool = False
    right: str = ""

    def tone(self, difference: float) -> Literal["", "better", "worse"]:
        """Return whether a change by ``difference`` is for the better or for the worse."""
        if not difference or self.better is None:
            return ""
        return "better" if (difference < 0) == (self.better == "lower") else "worse"


def higher(name: str, label: str, unit: str, title: str, hub: str, **more: Any) -> Metric:
    """Return a metric whose higher values are better, and which is an aspect of its own."""
    return Metric(name, label, "higher", name, unit, title, hub, **more)


@dataclasses.dataclass(frozen=True)
class Formulas:
    """Metrics that are computed from the same sums over examples.

    Attributes:
        metrics: what is computed, in the order in which it is shown.
        needs: the columns of examples.parquet that it is computed from.
        parts: from those columns to what is summed, shape (parts, examples).
        values: from sums, shape (parts, ...), to the value of each metric by name, shape (...).
    """

    metrics: tuple[Metric, ...]
    needs: tuple[str, ...]
    parts: Callable[[Examples], NDArray[np.float64]]
    values: Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]]

    @property
    def by_token(self) -> frozenset[str]:
        """Names of the metrics that compare only where a text has as many tokens on both sides."""
        return frozenset(metric.name for metric in self.metrics if metric.by_token)

    @property
    def right(self) -> dict[str, str]:
        """The column that says which examples are right, by the name of the metric."""
        return {metric.name: metric.right for metric in self.metrics if metric.right}


def stack(examples: Examples, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the columns themselves as what is summed, shape (columns, examples)."""
    import numpy as np

    return np.stack([examples[name] for name in names]).astype(np.float64)
