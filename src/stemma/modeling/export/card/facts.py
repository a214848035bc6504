"""What a model card tells, as the files of a version have it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from stemma.modeling.export.uses import IntendedUse, use_of
from stemma.modeling.metrics.formulas import Formulas, Metric

MOST_SOURCES = 30
"""How many sources the card lists."""

# What a card cannot do without: keys of config.json, data_report.json and metrics.json.
CONFIG_KEYS = ("model_type", "vocab_size")
REPORT_KEYS = ("documents", "splits")
METRICS_KEYS = ("loss", "baselines", "documents", "tokens", "bytes")


@dataclasses.dataclass(frozen=True)
class Facts:
    """The contents of the files that the card is written from.

    Attributes:
        name: of the model.
        task: name of what it was trained to do, and is measured at.
        formulas: of the metrics that the task reports.
        license: of the model, an identifier of the Hub.
        language: codes of ISO 639-1.
        dtype: of the weights.
        config: config.json.
        metrics: reports/metrics.json.
        sources: the entries of sources.json.
        report: data_report.json.
        training: training.json; empty if the model was not trained here.
        base: base.json, and the digest of that file under ``sha256``.
        beside: whether the model is an adapter that is kept apart from its base.
        formats: reports/formats.json.
    """

    name: str
    task: str
    formulas: Sequence[Formulas]
    license: str
    language: Sequence[str]
    dtype: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    sources: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any]
    training: Mapping[str, Any]
    base: Mapping[str, Any]
    beside: bool
    formats: Mapping[str, Mapping[str, Any]]

    @property
    def use(self) -> IntendedUse:
        """What a model of this kind is for."""
        return use_of(self.task, str((self.config.get("architectures") or [""])[0]))

    def metrics_in(self, row: Mapping[str, Any]) -> list[Metric]:
        """Return the metrics that the card shows, as far as a row of metrics.json has them."""
        metrics = [metric for formulas in self.formulas for metric in formulas.metrics]
        return [metric for metric in metrics if metric.title and metric.name in row]
