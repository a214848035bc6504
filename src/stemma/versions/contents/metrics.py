"""The metrics of a version, from its files of metrics, and what each of them means."""

import math
from collections.abc import Mapping
from typing import Any

from stemma import merging
from stemma.modeling.metrics.formulas import Metric
from stemma.modeling.metrics.names import names_of
from stemma.store.declared import CONVENTION, Direction
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.version import Version
from stemma.versions.contents import tables
from stemma.versions.contents.directions import better
from stemma.versions.contents.formulas import FORMULAS

REMEDY = "`dvc repro evaluate` writes it again"
_REMEDY = "`dvc repro` writes it again"


# In the order in which they are shown; the first of an aspect speaks for it.
METRICS: dict[str, Metric] = {}
for _formulas in FORMULAS:
    for _metric in _formulas.metrics:
        METRICS.setdefault(_metric.name, _metric)


def metric(name: str, directions: Mapping[str, Direction] | None = None) -> Metric:
    """Return what is known of a metric; one that somebody added has its name as its label.

    Args:
        name: of the metric.
        directions: which is better of those that somebody added, as `Declared` has them; of any
            other, names that the field uses tell it.
    """
    told = (directions or {}).get(name)
    return METRICS.get(name) or Metric(name, name, told or better(name), name)


def read_metrics(version: Version) -> dict[str, Any] | None:
    """Return the metrics of a version by name; None if it has none.

    Of a project that is not laid out as Stemma's, all files that dvc.yaml declares as metrics are
    read, in Git or DVC, and nested keys are joined by dots.

    Raises:
        DamagedError: a file is torn.
        MissingError: DVC keeps one, and its bytes are nowhere.
        ProjectError: reports/metrics.json holds no metric.
    """
    paths = version.declared.compared
    found = {
        path: parse(raw, f"{path} of {version.name}", path)
        for path in paths
        if (raw := version.get(path)) is not None
    }
    by_example = read_means(version)
    if not found and not by_example:
        return None
    # A file of metrics says in its own way what the mean of a column is.
    content = {**by_example, **joined(found)}
    if not metric_values(content) and CONVENTION.metrics in found:
        raise ProjectError(f"{CONVENTION.metrics} of {version.name} holds no metric", REMEDY)
    return content


def left_out(version: Version, content: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what stands among the metrics and is no finite number, and what it is instead.

    Args:
        version: of another project than Stemma's own; of those whose layout is ours {}.
        content: what `read_metrics` found.
    """
    ours = version.declared.compared == (CONVENTION.metrics,)
    return {} if ours or content is None else tables.no_numbers(content)


def read_means(version: Version) -> dict[str, float]:
    """Return the mean of each column of anybody's results by example; {} if there are none."""
    if not version.declared.by_example:
        return {}
    # pyarrow takes half a second.
    from stemma.versions.contents import examples, results

    found = examples.read_examples(version)
    return {} if found is None or examples.tells(found) else results.means(found)


def joined(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metrics of all files of a version, by the path of each."""
    ours = found.get(CONVENTION.metrics)
    return tables.joined(found) if ours is None else dict(ours)


def parse(raw: bytes, owner: str, path: str = CONVENTION.metrics) -> dict[str, Any]:
    """Return what the bytes of a file of metrics hold.

    Args:
        raw: the bytes.
        owner: what they are, for an error.
        path: of the file, whose ending tells the format.

    Raises:
        DamagedError: they are torn.
    """
    remedy = REMEDY if path == CONVENTION.metrics else _REMEDY
    if merging.has_marks(raw):
        raise DamagedError(f"{owner} has the marks of an unfinished merge", remedy)
    try:
        return tables.parse(raw, path)
    except ValueError as error:
        if str(error) == "it holds no mapping":
            raise DamagedError(f"{owner} holds no metric", remedy) from error
        raise DamagedError(f"{owner} is torn: {error}", remedy) from error


def metric_values(content: dict[str, Any]) -> dict[str, float]:
    """Return the values of the metrics: no counts, no ends of intervals, no baselines.

    Those of METRICS come first, in its order. NaN is no value.
    """
    found = {name: float(content[name]) for name in names_of(content)}
    known = {name for name, value in found.items() if not math.isnan(value)}
    return {name: found[name] for name in (*METRICS, *found) if name in known}
