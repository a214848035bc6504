"""The metrics of a version, from reports/metrics.json, and what each of them means."""

import json
from typing import Any

from stemma import merging
from stemma.modeling.metrics.formulas import Metric
from stemma.modeling.metrics.names import names_of
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.version import Version
from stemma.versions.contents.formulas import FORMULAS

REMEDY = "`dvc repro evaluate` writes it again"


# In the order in which they are shown; the first of an aspect speaks for it.
METRICS: dict[str, Metric] = {}
for _formulas in FORMULAS:
    for _metric in _formulas.metrics:
        METRICS.setdefault(_metric.name, _metric)


def metric(name: str) -> Metric:
    """Return what is known of a metric; one that somebody added has its name as its label."""
    return METRICS.get(name) or Metric(name, name, None, name)


def read_metrics(version: Version) -> dict[str, Any] | None:
    """Return what reports/metrics.json of a version holds; None if it has none.

    Raises:
        DamagedError: it is torn.
        ProjectError: it holds no metric.
    """
    raw = version.read(version.declared.metrics)
    if raw is None:
        return None
    owner = f"{version.declared.metrics} of {version.name}"
    content = parse(raw, owner)
    if not metric_values(content):
        raise ProjectError(f"{owner} holds no metric", REMEDY)
    return content


def parse(raw: bytes, owner: str) -> dict[str, Any]:
    """Return what the bytes of metrics.json hold.

    Args:
        raw: the bytes.
        owner: what they are, for an error.

    Raises:
        DamagedError: they are torn.
    """
    if merging.has_marks(raw):
        raise DamagedError(f"{owner} has the marks of an unfinished merge", REMEDY)
    try:
        content = json.loads(raw)
    except ValueError as error:
        raise DamagedError(f"{owner} is torn: {error}", REMEDY) from error
    if not isinstance(content, dict):
        raise DamagedError(f"{owner} holds no metric", REMEDY)
    return content


def metric_values(content: dict[str, Any]) -> dict[str, float]:
    """Return the values of the metrics: no counts, no ends of intervals, no baselines.

    Those of METRICS come first, in its order.
    """
    found = {name: float(content[name]) for name in names_of(content)}
    return {name: found[name] for name in (*METRICS, *found) if name in found}
