"""What the figures of reports/metrics.json mean to a reader: log, show and diff alike."""

import json
from typing import Any

from stemma import merging
from stemma.errors import ProjectError
from stemma.layout import METRICS as FILE
from stemma.modeling.metrics.formulas import Metric
from stemma.modeling.metrics.names import names_of
from stemma.store.version import Version
from stemma.versions.contents.formulas import FORMULAS

REMEDY = "`dvc repro evaluate` writes it again"


# In the order in which they are shown; the first of an aspect speaks for it.
METRICS: dict[str, Metric] = {}
for _formulas in FORMULAS:
    for _metric in _formulas.metrics:
        METRICS.setdefault(_metric.name, _metric)


def metric(name: str) -> Metric:
    """Return what is known of a figure; one that somebody added has its name for a label."""
    return METRICS.get(name) or Metric(name, name, None, name)


def read_metrics(version: Version) -> dict[str, Any] | None:
    """Return what reports/metrics.json of a version holds; None if it has none.

    Raises:
        ProjectError: it is torn, or holds no figure.
    """
    raw = version.read(FILE.as_posix())
    if raw is None:
        return None
    if merging.has_marks(raw):
        raise ProjectError(f"{FILE} of {version.name} has the marks of an unfinished merge", REMEDY)
    try:
        content = json.loads(raw)
    except ValueError as error:
        raise ProjectError(f"{FILE} of {version.name} is torn: {error}", REMEDY) from error
    if not isinstance(content, dict) or not figures(content):
        raise ProjectError(f"{FILE} of {version.name} holds no figure", REMEDY)
    return content


def figures(content: dict[str, Any]) -> dict[str, float]:
    """Return the figures of metrics.json: no counts, no ends of intervals, no baselines.

    Those of METRICS come first, in its order.
    """
    found = {name: float(content[name]) for name in names_of(content)}
    return {name: found[name] for name in (*METRICS, *found) if name in found}
