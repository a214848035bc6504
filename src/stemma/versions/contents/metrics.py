"""The metrics of a version, from reports/metrics.json, and what each of them means."""

import dataclasses
import json
from typing import Any, Literal

from stemma import merging
from stemma.modeling.metrics.names import names_of
from stemma.pages.blocks import Tone
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.version import Version

REMEDY = "`dvc repro evaluate` writes it again"


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric by which versions are compared.

    Attributes:
        label: what people call it.
        better: whether a lower or a higher value is better; None if that is not known.
        aspect: what it measures about a model. Metrics of one aspect rise and fall together, so
            they count as one finding and one test.
    """

    label: str
    better: Literal["lower", "higher"] | None
    aspect: str

    def tone(self, difference: float) -> Tone:
        """Return whether a change by so much is for the better or the worse; "" if neither."""
        if not difference or self.better is None:
            return ""
        return "better" if (difference < 0) == (self.better == "lower") else "worse"


def _higher(name: str, label: str) -> Metric:
    return Metric(label, "higher", name)


# In the order in which they are shown; the first of an aspect speaks for it.
METRICS = {
    "bits_per_byte": Metric("bits per byte", "lower", "loss"),
    "loss": Metric("loss, nats", "lower", "loss"),
    "perplexity": Metric("perplexity", "lower", "loss"),
    "top1_accuracy": _higher("top1_accuracy", "top-1 accuracy"),
    "top5_accuracy": _higher("top5_accuracy", "top-5 accuracy"),
    "accuracy": _higher("accuracy", "accuracy"),
    "macro_precision": _higher("macro_precision", "macro precision"),
    "macro_recall": _higher("macro_recall", "macro recall"),
    "macro_f1": _higher("macro_f1", "macro F1"),
    "entity_precision": _higher("entity_precision", "entity precision"),
    "entity_recall": _higher("entity_recall", "entity recall"),
    "entity_f1": _higher("entity_f1", "entity F1"),
    "bleu": _higher("bleu", "BLEU"),
    "chrf": _higher("chrf", "chrF"),
    "rouge_l": _higher("rouge_l", "ROUGE-L"),
    "exact_match": _higher("exact_match", "exact match"),
}


def metric(name: str) -> Metric:
    """Return what is known of a metric; one that somebody added has its name as its label."""
    return METRICS.get(name) or Metric(name, None, name)


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
    if not figures(content):
        raise ProjectError(f"{owner} holds no figure", REMEDY)
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
        raise DamagedError(f"{owner} holds no figure", REMEDY)
    return content


def figures(content: dict[str, Any]) -> dict[str, float]:
    """Return the values of the metrics: no counts, no ends of intervals, no baselines.

    Those of METRICS come first, in its order.
    """
    found = {name: float(content[name]) for name in names_of(content)}
    return {name: found[name] for name in (*METRICS, *found) if name in found}
